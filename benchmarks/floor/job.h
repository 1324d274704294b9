/* What both programs share: the sizes of the network, the constants of CartPole, and the job.

   The constants are those of Barto, Sutton and Anderson 1983, https://doi.org/10.1109/TSMC.1983.6313077. */

#include <stdint.h>

enum { INPUTS = 4, HIDDEN = 16, OUTPUTS = 2 };

/* Where each part of a row of parameters begins: weights (inputs, outputs), then biases, layer by layer. */
enum {
    WEIGHTS_1 = 0,
    BIASES_1 = WEIGHTS_1 + INPUTS * HIDDEN,
    WEIGHTS_2 = BIASES_1 + HIDDEN,
    BIASES_2 = WEIGHTS_2 + HIDDEN * OUTPUTS,
    PARAMETERS = BIASES_2 + OUTPUTS
};

#define GRAVITY 9.8
#define MASS_POLE 0.1
#define TOTAL_MASS (1.0 + MASS_POLE)
#define HALF_LENGTH 0.5
#define POLE_MASS_LENGTH (MASS_POLE * HALF_LENGTH)
#define FORCE 10.0
#define TIME_STEP 0.02
#define MAX_POSITION 2.4
#define MAX_ANGLE 0.20943951023931953

/* Play jobs until the shared counter has passed their number, and write how many steps each took.

   Job k is episode k % episodes of individual k / episodes. `population` holds a row of parameters for each individual,
   `first` the four numbers of the first state of each job. An episode is over when the pole falls, the cart leaves the
   track, or after `cap` steps. Any number of threads may call this with the same arguments. */
void play(const float *population, const double *first, int64_t episodes, int64_t jobs, int64_t cap, int64_t *counter,
          int64_t *steps);

static inline int64_t take_next(int64_t *counter) { return __atomic_fetch_add(counter, 1, __ATOMIC_RELAXED); }
