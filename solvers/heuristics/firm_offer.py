"""How firm offers are made by rule: the worst that may come, the mean, a normal guess, shares of the chance to fail."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtri

from ...instances.firm_offer import CHANCE, FirmOfferInstance
from ...models.aggregator.firm_offer import lonely_offer_kw, quantiles
from ..firm_offer_runs import best_without, by_block, nobody_fails
from ..method import Answer


def worst_case(instance: FirmOfferInstance) -> Answer:
    """What is there whatever comes."""
    return by_block(instance, best_without(instance, nobody_fails(instance)))


def mean_availability(instance: FirmOfferInstance) -> Answer:
    """The mean of what is there in all of a block."""
    return by_block(instance, instance.chance @ instance.block_available_kw)


def normal_guess(instance: FirmOfferInstance) -> Answer:
    """The mean less as many standard deviations as a normal distribution would need."""
    mean = instance.chance @ instance.block_available_kw
    spread = np.sqrt(instance.chance @ (instance.block_available_kw - mean) ** 2)
    return by_block(instance, mean + ndtri(max(instance.epsilon, CHANCE)) * spread)


def even_shares(instance: FirmOfferInstance) -> Answer:
    """Each block may fail with an equal share of the chance, so that all together keep it whatever they share."""
    share = instance.epsilon / (int(instance.block[-1]) + 1)
    return by_block(instance, quantiles(instance.block_available_kw, instance.chance, share))


def block_by_block(instance: FirmOfferInstance) -> Answer:
    """What each block alone allows, as if no other could fail."""
    return by_block(instance, lonely_offer_kw(instance))


def dropped_in_turn(instance: FirmOfferInstance) -> Answer:
    """One scenario after the other is let fail in each group, the one whose absence helps most, while chance is left.

    Where two scenarios hold offers back together no single one helps; then the one that lacks most goes first.
    """
    fails = nobody_fails(instance)
    alone = lonely_offer_kw(instance)[instance.block]
    for g in range(fails.shape[1]):
        here = instance.group == g
        lack = np.maximum(alone - instance.available_kw, 0.0)[:, here] @ instance.price[here]
        while True:
            left = instance.epsilon + CHANCE - instance.chance[fails[:, g]].sum()
            fitting = np.flatnonzero(~fails[:, g] & (instance.chance <= left) & (instance.chance > 0))
            if not len(fitting):
                break
            gains = []
            for s in fitting:
                fails[s, g] = True
                gains.append(float(instance.block_worth @ best_without(instance, fails)))
                fails[s, g] = False
            best = fitting[np.lexsort((lack[fitting], gains))[-1]]
            fails[best, g] = True
    return by_block(instance, best_without(instance, fails))
