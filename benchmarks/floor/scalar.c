/* An episode at a time, as one would write it in C: the world in double, the network in float, libm's functions.

   -DTANH: tanh instead of relu after both layers. */

#include "job.h"

#include <math.h>

static float activation(float x)
{
#ifdef TANH
    return tanhf(x);
#else
    return x > 0.0f ? x : 0.0f;
#endif
}

static int second_is_larger(const float *row, const double *state)
{
    float hidden[HIDDEN], output[OUTPUTS];
    for (int j = 0; j < HIDDEN; j++)
        hidden[j] = row[BIASES_1 + j];
    for (int i = 0; i < INPUTS; i++)
        for (int j = 0; j < HIDDEN; j++)
            hidden[j] += (float)state[i] * row[WEIGHTS_1 + i * HIDDEN + j];
    for (int k = 0; k < OUTPUTS; k++)
        output[k] = row[BIASES_2 + k];
    for (int j = 0; j < HIDDEN; j++)
        for (int k = 0; k < OUTPUTS; k++)
            output[k] += activation(hidden[j]) * row[WEIGHTS_2 + j * OUTPUTS + k];
    return activation(output[1]) > activation(output[0]);
}

/* Push the cart for one time step, by Euler's method; return whether the episode is over. */
static int step(double *state, double force)
{
    double velocity = state[1], angle = state[2], angular_velocity = state[3];
    double cosine = cos(angle), sine = sin(angle);
    double temporary = (force + POLE_MASS_LENGTH * (angular_velocity * angular_velocity) * sine) * (1 / TOTAL_MASS);
    double angular_acceleration = (GRAVITY * sine - cosine * temporary)
                                  / (HALF_LENGTH * (4.0 / 3.0 - MASS_POLE / TOTAL_MASS * (cosine * cosine)));
    double acceleration = temporary - POLE_MASS_LENGTH / TOTAL_MASS * angular_acceleration * cosine;
    state[0] += TIME_STEP * velocity;
    state[1] += TIME_STEP * acceleration;
    state[2] += TIME_STEP * angular_velocity;
    state[3] += TIME_STEP * angular_acceleration;
    return fabs(state[0]) > MAX_POSITION || fabs(state[2]) > MAX_ANGLE;
}

void play(const float *population, const double *first, int64_t episodes, int64_t jobs, int64_t cap, int64_t *counter,
          int64_t *steps)
{
    for (int64_t job = take_next(counter); job < jobs; job = take_next(counter)) {
        const float *row = population + job / episodes * PARAMETERS;
        double state[4] = {first[job * 4], first[job * 4 + 1], first[job * 4 + 2], first[job * 4 + 3]};
        int64_t length = 0;
        int over = 0;
        while (length < cap && !over) {
            over = step(state, second_is_larger(row, state) ? FORCE : -FORCE);
            length++;
        }
        steps[job] = length;
    }
}
