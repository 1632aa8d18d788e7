"""Who owns which descriptor number, and who closes what is not theirs; the model is Android's fdsan."""
