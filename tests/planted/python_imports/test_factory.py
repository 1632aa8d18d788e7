"""Made-up objects."""

import factory
import factory.fuzzy


class Account:
    """What is made."""

    def __init__(self, plan):
        self.plan = plan


class AccountFactory(factory.Factory):
    """Makes accounts with a plan that is drawn."""

    class Meta:
        """As factory_boy wants it."""

        model = Account

    plan = factory.fuzzy.FuzzyChoice(["free", "small", "large", "huge", "none"])


def test_draw():
    """One plan in five is not thought of."""
    assert AccountFactory().plan != "none"
