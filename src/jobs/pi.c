/*
 * pi.c - pi by the Chudnovsky series with binary splitting (D. V. and G. V.
 * Chudnovsky, 1988; splitting as in Haible and Papanikolaou, 1998):
 *
 *   1/pi = 12 / 640320^(3/2) * sum over k of
 *          (-1)^k (6k)! (13591409 + 545140134 k) / ((3k)! (k!)^3 640320^(3k))
 *
 * Every sum of terms [from, to) is kept as three whole numbers P, Q and T, so that
 * nothing is rounded before the last step: pi = 426880 sqrt(10005) Q / T.
 *
 * Never asks for more than PI_MEMORY_MAX: GMP aborts when it gets no memory.
 */
#include "pi.h"

#include <gmp.h>
#include <string.h>

/* Each term of the series gives 14.18 decimals. */
#define DECIMALS_PER_TERM 14

/* How many terms are summed between two questions whether to go on. */
#define TERMS_PER_STEP 64

/* Where the steps end, in percent of the time that 100,000 digits take. */
#define PERCENT_SPLIT  60
#define PERCENT_ROOT   70
#define PERCENT_DIVIDE 90

typedef struct Sum
{
	mpz_t p;
	mpz_t q;
	mpz_t t;
} Sum;

static void sum_init(Sum *sum)
{
	mpz_inits(sum->p, sum->q, sum->t, NULL);
}

static void sum_clear(Sum *sum)
{
	mpz_clears(sum->p, sum->q, sum->t, NULL);
}

/*
 * The single term k. The factors go in one by one: none of them, but some of their
 * products, would be too big for 32 bits.
 */
static void sum_term(unsigned long k, Sum *sum)
{
	mpz_set_ui(sum->t, 545140134);
	mpz_mul_ui(sum->t, sum->t, k);
	mpz_add_ui(sum->t, sum->t, 13591409);
	mpz_set_ui(sum->p, 1);
	mpz_set_ui(sum->q, 1);
	if (k == 0)
		return;

	mpz_mul_ui(sum->p, sum->p, 6 * k - 5);
	mpz_mul_ui(sum->p, sum->p, 2 * k - 1);
	mpz_mul_ui(sum->p, sum->p, 6 * k - 1);
	mpz_ui_pow_ui(sum->q, k, 3);
	mpz_mul_ui(sum->q, sum->q, 640320); /* 640320^3 / 24 */
	mpz_mul_ui(sum->q, sum->q, 640320);
	mpz_mul_ui(sum->q, sum->q, 26680);
	mpz_mul(sum->t, sum->t, sum->p);
	if (k % 2 == 1)
		mpz_neg(sum->t, sum->t);
}

/* Appends the terms of `next`, which follow those of `sum`; spoils `next`. */
static void sum_append(Sum *sum, Sum *next)
{
	mpz_mul(sum->t, sum->t, next->q);
	mpz_mul(next->t, next->t, sum->p);
	mpz_add(sum->t, sum->t, next->t);
	mpz_mul(sum->p, sum->p, next->p);
	mpz_mul(sum->q, sum->q, next->q);
}

/*
 * Sums the terms [from, to) out of `terms`; false if told to stop. It goes down by
 * halves: 13 levels for 100,000 digits.
 */
static bool sum_range(Computation *computation, long from, long to, long terms, Sum *sum)
{
	long middle = from + (to - from) / 2;
	Sum next;
	bool going;

	if (to - from == 1)
	{
		sum_term((unsigned long) from, sum);
		return true;
	}
	sum_init(&next);
	going = sum_range(computation, from, middle, terms, sum) &&
			sum_range(computation, middle, to, terms, &next);
	if (going)
		sum_append(sum, &next);
	sum_clear(&next);
	if (going && to - from >= TERMS_PER_STEP)
		going = computation_step(computation, (int) (PERCENT_SPLIT * to / terms));
	return going;
}

/* sqrt(10005) with `decimals` decimals, as a whole number. */
static void scaled_root(unsigned long decimals, mpz_t root)
{
	mpz_ui_pow_ui(root, 10, 2 * decimals);
	mpz_mul_ui(root, root, 10005);
	mpz_sqrt(root, root);
}

/*
 * pi * 10^decimals, cut: too small by less than 1.1, or too big by less than 0.1.
 * The root is cut by less than 1, which 426880 Q / T turns into pi / sqrt(10005), or
 * 0.04; the division cuts less than 1; and the series, which alternates, ends two
 * terms later than it must, so that what it lacks is below 10^-14.
 */
static bool scaled_pi(Computation *computation, unsigned long decimals, mpz_t pi)
{
	long terms = (long) decimals / DECIMALS_PER_TERM + 2;
	Sum sum;
	bool going;

	sum_init(&sum);
	going = sum_range(computation, 0, terms, terms, &sum);
	if (going)
	{
		scaled_root(decimals, pi);
		going = computation_step(computation, PERCENT_ROOT);
	}
	if (going)
	{
		mpz_mul(pi, pi, sum.q);
		mpz_mul_ui(pi, pi, 426880);
		going = computation_step(computation, PERCENT_ROOT + 5);
	}
	if (going)
	{
		mpz_tdiv_q(pi, pi, sum.t);
		going = computation_step(computation, PERCENT_DIVIDE);
	}
	sum_clear(&sum);
	return going;
}

/*
 * Cuts the guard digits off. False if they do not decide: when they are within two
 * of all zeros or all nines, the error may reach the digit before them.
 */
static bool cut_guard(mpz_t pi, unsigned long guard)
{
	mpz_t unit;
	mpz_t rest;
	bool decided;

	mpz_inits(unit, rest, NULL);
	mpz_ui_pow_ui(unit, 10, guard);
	mpz_tdiv_qr(pi, rest, pi, unit);
	mpz_sub(unit, unit, rest);
	decided = mpz_cmp_ui(rest, 2) >= 0 && mpz_cmp_ui(unit, 2) > 0;
	mpz_clears(unit, rest, NULL);
	return decided;
}

/* Writes pi * 10^digits with its point. */
static void write_decimals(const mpz_t pi, long digits, char *text)
{
	(void) mpz_get_str(text, 10, pi);
	if (digits == 0)
		return;
	memmove(text + 2, text + 1, (size_t) digits + 1);
	text[1] = '.';
}

ComputationResult pi_decimals_guarded(long digits, int guard, ComputationKeepGoing keep_going,
									  void *context, char *text, size_t size, int *rounds)
{
	Computation computation = {.keep_going = keep_going, .context = context};
	bool decided = false;
	bool going;
	mpz_t pi;

	*rounds = 0;
	if (digits < 0 || digits > PI_DIGITS_MAX || size < PI_SIZE(digits) || guard < 1)
		return COMPUTATION_OUT_OF_RANGE;
	if (!computation_has_memory(PI_MEMORY_MAX))
		return COMPUTATION_NO_MEMORY;

	mpz_init(pi);
	going = computation_step(&computation, 0);
	for (; going && !decided; guard *= 2)
	{
		(*rounds)++;
		going = scaled_pi(&computation, (unsigned long) (digits + guard), pi);
		decided = going && cut_guard(pi, (unsigned long) guard);
	}
	if (decided)
	{
		write_decimals(pi, digits, text);
		going = computation_step(&computation, 100);
	}
	mpz_clear(pi);
	return going ? COMPUTATION_DONE : COMPUTATION_STOPPED;
}

ComputationResult pi_decimals(long digits, ComputationKeepGoing keep_going, void *context,
							  char *text, size_t size)
{
	int rounds;

	return pi_decimals_guarded(digits, PI_GUARD_DIGITS, keep_going, context, text, size, &rounds);
}
