"""Why a target is flaky: experiments, what they tell, and what follows."""
