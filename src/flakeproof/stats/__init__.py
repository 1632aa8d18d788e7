"""The statistics of flaky tests, as pure functions of numbers that use the standard library only.

``intervals``    a failure rate and its interval: for a fixed number of trials, or anytime-valid;
``detection``    how many trials show a failure, what trials without one prove, and how many kinds are unseen;
``threshold``    whether a rate is below or above a threshold, anytime-valid;
``comparison``   whether a fix fails less often: anytime-valid from pairs, or from fixed numbers of trials;
``dispersion``   whether failures cluster in groups of trials, and what dependent trials are worth;
``pooling``      the rates of many tests, each estimated with the help of all;
``brokenness``   whether a test fails by chance, or always from one commit to another;
``rate_change``  at which commits a rate changed;
``together``     which tests fail in the same jobs, and which jobs fail too much;
``order``        whether failures come at random in the order of the trials;
``factorial``    which of many factors matter, from batches in which each was on or off at random;
``racing``       which of a few settings fails most per second, and which to run next;
``predicates``   which predicates separate failing from passing trials;
``culprits``     which of many tests or lines has an effect on a test;
``ancestry``, ``two_rates``, ``onset``, ``next_commit``  since which commit a test fails at another rate;
``tables``       two by two tables, and several tests at once;
``special``      the beta function and its relatives in logarithms, on which the others rest.
"""
