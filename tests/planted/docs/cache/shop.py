import time

from flakeproof import current_trial

full = False


def check_totals():
    global full
    time.sleep(0.002)
    trial = current_trial()
    full = full or trial.seed % 400 == 0
    if full or trial.seed % 100 == 1:
        raise ValueError("the cache is full")
