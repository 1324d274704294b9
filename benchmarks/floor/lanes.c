/* Sixteen episodes side by side, in loops over arrays that gcc turns into vector instructions.

   A lane whose episode is over gets the next one at once. The network is float, the world REAL.

   -DSMALL_ANGLES: sine and cosine of angles up to pi/4 alone, which is enough while the pole stands; else of any up to 1e4.
   -DREAL=float: the world in float. -DTANH: tanh instead of relu after both layers. -DLANES: another number of them. */

#include "job.h"

#ifndef REAL
#define REAL double
#endif
#ifndef LANES
#define LANES 16
#endif
#define R(constant) ((REAL)(constant))

struct lanes {
    _Alignas(64) REAL position[LANES], velocity[LANES], angle[LANES], angular_velocity[LANES];
    _Alignas(64) float rows[PARAMETERS][LANES];
    _Alignas(64) int32_t ended[LANES];
    int64_t job[LANES], begun[LANES];
};

/* --- functions of the network and the world: no branch, so that they can be done for all lanes at once -------------- */

#ifdef SMALL_ANGLES
#define sine_and_cosine(x, sine, cosine) (sine) = sine_of(x), (cosine) = cosine_of(x)
#else
#define sine_and_cosine(x, sine, cosine) any_sine_and_cosine(x, &(sine), &(cosine))
#endif

/* The minimax polynomials of fdlibm (Sun Microsystems 1993), within an ulp for |x| <= pi/4. */
static inline REAL sine_of(REAL x)
{
    REAL z = x * x;
    REAL p = R(2.75573137070700676789e-06) + z * (R(-2.50507602534068634195e-08) + z * R(1.58969099521155010221e-10));
    p = R(8.33333333332248946124e-03) + z * (R(-1.98412698298579493134e-04) + z * p);
    return x + x * z * (R(-1.66666666666666324348e-01) + z * p);
}

static inline REAL cosine_of(REAL x)
{
    REAL z = x * x;
    REAL p = R(-2.75573143513906633035e-07) + z * (R(2.08757232129817482790e-09) + z * R(-1.13596475577881948265e-11));
    p = R(4.16666666666666019037e-02) + z * (R(-1.38888888888741095749e-03) + z * (R(2.48015872894767294178e-05) + z * p));
    REAL half = R(0.5) * z, w = R(1.0) - half;
    return w + (((R(1.0) - w) - half) + z * z * p);
}

/* The same of x = k * pi/2 + r, from those of r: k tells which one, and its sign (Cody and Waite 1980). */
static inline void any_sine_and_cosine(REAL x, REAL *sine, REAL *cosine)
{
    REAL k = R(__builtin_floor(x * R(0.63661977236758134308) + R(0.5)));
    REAL r = ((x - k * R(1.57079632673412561417)) - k * R(6.07710050630396597660e-11)) - k * R(2.02226624879595063154e-21);
    REAL half = R(__builtin_floor(k * R(0.5)));
    int odd = k - R(2.0) * half > R(0.5), high = half - R(2.0) * R(__builtin_floor(half * R(0.5))) > R(0.5);
    REAL s = sine_of(r), c = cosine_of(r);
    REAL chosen_sine = odd ? c : s, chosen_cosine = odd ? s : c;
    *sine = high ? -chosen_sine : chosen_sine;
    *cosine = odd != high ? -chosen_cosine : chosen_cosine;
}

#ifdef TANH
/* e**x for -18 <= x <= 18: 2**k times a polynomial of the rest, as Cephes has it (Moshier 1984). */
static inline float exponential(float x)
{
    union { int32_t bits; float value; } power;
    int32_t k = (int32_t)(x * 1.44269504088896341f + 64.5f) - 64;
    float r = (x - (float)k * 0.693359375f) - (float)k * -2.12194440e-4f;
    float p = 1.3981999507e-3f + r * 1.9875691500e-4f;
    p = 1.6666665459e-1f + r * (4.1665795894e-2f + r * (8.3334519073e-3f + r * p));
    power.bits = (k + 127) << 23;
    return (1.0f + (r + r * r * (5.0000001201e-1f + r * p))) * power.value;
}

/* The hyperbolic tangent within 2 ulp of a float, by the approximations of Cephes (Moshier 1984). */
static inline float activation(float x)
{
    float magnitude = __builtin_fabsf(x), z = x * x;
    float p = 1.33314422036e-1f + z * (-5.37397155531e-2f + z * (2.06390887954e-2f + z * -5.70498872745e-3f));
    float near_zero = x + x * (z * (-3.33332819422e-1f + z * p));
    float far = 1.0f - 2.0f / (exponential(2.0f * (magnitude < 9.0f ? magnitude : 9.0f)) + 1.0f);
    return magnitude < 0.625f ? near_zero : x < 0.0f ? -far : far;
}
#else
static inline float activation(float x) { return x > 0.0f ? x : 0.0f; }
#endif

/* Let every lane act and take a step; return whether an episode is over anywhere. */
static inline int32_t advance(struct lanes *all)
{
    int32_t any = 0;
#pragma omp simd reduction(| : any)
    for (int l = 0; l < LANES; l++) {
        float a = all->position[l], b = all->velocity[l], c = all->angle[l], d = all->angular_velocity[l];
        float left = all->rows[BIASES_2][l], right = all->rows[BIASES_2 + 1][l];
#pragma GCC unroll 16
        for (int j = 0; j < HIDDEN; j++) {
            float hidden = all->rows[BIASES_1 + j][l];
            hidden += a * all->rows[WEIGHTS_1 + j][l];
            hidden += b * all->rows[WEIGHTS_1 + HIDDEN + j][l];
            hidden += c * all->rows[WEIGHTS_1 + 2 * HIDDEN + j][l];
            hidden += d * all->rows[WEIGHTS_1 + 3 * HIDDEN + j][l];
            hidden = activation(hidden);
            left += hidden * all->rows[WEIGHTS_2 + OUTPUTS * j][l];
            right += hidden * all->rows[WEIGHTS_2 + OUTPUTS * j + 1][l];
        }
        REAL force = activation(right) > activation(left) ? R(FORCE) : R(-FORCE);
        REAL angle = all->angle[l], velocity = all->velocity[l], angular_velocity = all->angular_velocity[l];
        REAL sine, cosine;
        sine_and_cosine(angle, sine, cosine);
        REAL temporary = (force + R(POLE_MASS_LENGTH) * (angular_velocity * angular_velocity) * sine) * R(1 / TOTAL_MASS);
        REAL angular_acceleration = (R(GRAVITY) * sine - cosine * temporary)
                                    / (R(HALF_LENGTH) * (R(4.0 / 3.0) - R(MASS_POLE / TOTAL_MASS) * (cosine * cosine)));
        REAL acceleration = temporary - R(POLE_MASS_LENGTH / TOTAL_MASS) * angular_acceleration * cosine;
        REAL position = all->position[l] + R(TIME_STEP) * velocity;
        angle += R(TIME_STEP) * angular_velocity;
        all->position[l] = position;
        all->velocity[l] = velocity + R(TIME_STEP) * acceleration;
        all->angle[l] = angle;
        all->angular_velocity[l] = angular_velocity + R(TIME_STEP) * angular_acceleration;
        int32_t ended = (position < R(-MAX_POSITION)) | (position > R(MAX_POSITION)) | (angle < R(-MAX_ANGLE))
                        | (angle > R(MAX_ANGLE));
        all->ended[l] = ended;
        any |= ended;
    }
    return any;
}

/* --- jobs in lanes --------------------------------------------------------------------------------------------------- */

static void begin(struct lanes *all, int l, const float *row, const double *first)
{
    for (int k = 0; k < PARAMETERS; k++)
        all->rows[k][l] = row[k];
    all->position[l] = (REAL)first[0];
    all->velocity[l] = (REAL)first[1];
    all->angle[l] = (REAL)first[2];
    all->angular_velocity[l] = (REAL)first[3];
}

/* Step until the episode of an active lane is over; return the lanes in which it is, a bit for each. */
static uint32_t run(struct lanes *all, uint32_t active, int64_t cap, int64_t *now)
{
    uint32_t over = 0;
    int64_t due = INT64_MAX;
    for (int l = 0; l < LANES; l++)
        if (active >> l & 1 && all->begun[l] + cap < due)
            due = all->begun[l] + cap;
    while (!over && *now < due) {
        ++*now;
        if (advance(all))
            for (int l = 0; l < LANES; l++)
                over |= (uint32_t)all->ended[l] << l;
        over &= active;
    }
    for (int l = 0; l < LANES; l++)
        over |= (uint32_t)(*now == all->begun[l] + cap) << l;
    return over & active;
}

void play(const float *population, const double *first, int64_t episodes, int64_t jobs, int64_t cap, int64_t *counter,
          int64_t *steps)
{
    struct lanes all = {0};
    uint32_t active = 0, over = 0;
    int64_t now = 0;
    for (int started = 0; active || !started; started = 1) {
        for (int l = 0; l < LANES; l++) {
            if (started && !(over >> l & 1))
                continue;
            if (started)
                steps[all.job[l]] = now - all.begun[l];
            active &= ~(1u << l);
            int64_t job = take_next(counter);
            if (job >= jobs)
                continue;
            active |= 1u << l;
            all.job[l] = job;
            all.begun[l] = now;
            begin(&all, l, population + job / episodes * PARAMETERS, first + job * 4);
        }
        over = active ? run(&all, active, cap, &now) : 0;
    }
}
