"""The statistics of flaky tests, as pure functions of numbers on the standard library alone.

``detection``   how many trials show a failure, and what trials without one prove;
``proportion``  a failure rate and its interval when it is read once, at the end;
``sequential``  a failure rate and its interval when it is watched while trials run;
``threshold``   whether a rate is below a threshold, or above it, watched while trials run;
``comparison``  whether a fix fails less often, watched while pairs of trials run;
``difference``  how far apart the rates of two arms are when they are read once, at the end;
``search``      the least number that is enough;
``dispersion``  whether failures cluster in groups of trials, and what dependent trials are worth;
``factorial``   which of many factors matter, from batches in which each was on or off at random;
``racing``      which of a few settings fails most per second, and which to run next;
``order``       whether failures come at random in the order of the trials;
``unseen``      how many kinds of failure have not been seen yet;
``tables``      two by two tables, and several tests at once;
``special``     the beta function and its relatives in logarithms, which the others rest on.
"""
