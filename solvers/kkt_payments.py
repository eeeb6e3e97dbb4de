"""Products of a leader's prices and its followers' quantities: by strong duality, or by a menu of prices."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from .followers import Follower

Product = tuple[Any, Any, float]


class PriceMenus:
    """Prices out of lists, and what they make of products with quantities.

    Parameters
    ----------
    block : Pyomo block
        Where binaries and parts of quantities are put.
    menus : mapping (ComponentMap) of variable to iterable of float
        Values that each price may take.
    bounds : mapping (ComponentMap) of variable to (float, float)
        Proven bounds of quantities, of which the first is used.
    """

    def __init__(
        self, block: Any, menus: Mapping[Any, Iterable[float]], bounds: Mapping[Any, tuple[float, float]]
    ) -> None:
        import pyomo.environ as pyo

        self._block, self._bounds = block, bounds
        self._levels: dict[int, list[float]] = {}
        self._chosen: dict[int, Any] = {}
        block.menu = pyo.Block(range(len(menus)))
        block.product = pyo.Block(pyo.Any)
        for number, (price, values) in enumerate(menus.items()):
            levels = [float(one) for one in values]
            if not levels:
                raise ValueError(f"the menu of {price.name} is empty")
            part = block.menu[number]
            part.chosen = pyo.Var(range(len(levels)), domain=pyo.Binary)
            # A price is one of its menu.
            part.one_is_chosen = pyo.Constraint(expr=sum(part.chosen.values()) == 1)
            part.price_is = pyo.Constraint(expr=price == sum(level * part.chosen[h] for h, level in enumerate(levels)))
            self._levels[id(price)], self._chosen[id(price)] = levels, part.chosen

    def covers(self, price: Any) -> bool:
        """Whether a price has a menu."""
        return id(price) in self._levels

    def products(self, terms: Sequence[Product], what: str) -> Any:
        """Sum of factor · price · quantity as a linear expression, exact for prices of the menus.

        Raises
        ------
        ValueError
            For a price without a menu, or a quantity without a proven bound.
        """
        by_price: dict[int, list[Product]] = {}
        for term in terms:
            if not self.covers(term[0]):
                raise ValueError(f"{term[0].name} in {what} has no menu")
            by_price.setdefault(id(term[0]), []).append(term)
        return sum(self._product(key, group, what) for key, group in by_price.items())

    def _product(self, key: int, terms: Sequence[Product], what: str) -> Any:
        """One price times a weighted sum of quantities, which is split over the levels of the price."""
        import pyomo.environ as pyo

        low = high = 0.0
        for _, quantity, factor in terms:
            most = self._bounds.get(quantity, (float("nan"),))[0]
            if not most >= 0:
                raise ValueError(f"{quantity.name} in {what} has no proven bound, so its product with a price has none")
            low, high = low + min(factor, 0.0) * most, high + max(factor, 0.0) * most
        levels, chosen = self._levels[key], self._chosen[key]
        part = self._block.product[len(self._block.product)]
        part.at = pyo.Var(range(len(levels)))
        # A quantity is traded at the price that is chosen, and at no other.
        part.at_chosen_price = pyo.Constraint(range(len(levels)), rule=lambda b, h: b.at[h] <= high * chosen[h])
        part.at_no_other_price = pyo.Constraint(range(len(levels)), rule=lambda b, h: b.at[h] >= low * chosen[h])
        part.all_is_traded = pyo.Constraint(
            expr=sum(part.at.values()) == sum(factor * quantity for _, quantity, factor in terms)
        )
        return sum(level * part.at[h] for h, level in enumerate(levels))


def restate_payments(
    model: Any, followers: Sequence[Follower], values: Mapping[int, Any], prices: PriceMenus, *, keep: bool
) -> None:
    """Put the leader's objective without products of prices and quantities in the place of the declared one.

    Parameters
    ----------
    model : pyomo.environ.ConcreteModel
        With the leader's objective the only active one left.
    followers : sequence of Follower
        Whose payments may stand in the objective.
    values : mapping of int to Pyomo expression
        Dual objectives of linear followers by the ``id`` of their block.
    prices : PriceMenus
        Menus, where there are any.
    keep : bool
        Whether products that are no follower's payment may stay, for a solver that takes them.

    Raises
    ------
    ValueError
        Where a product would stay and may not.
    """
    import pyomo.environ as pyo
    from pyomo.repn import generate_standard_repn

    objectives = list(model.component_data_objects(pyo.Objective, active=True, descend_into=True))
    if len(objectives) != 1:
        raise ValueError(f"the leader of {model.name} has {len(objectives)} active objectives, not one")
    read = generate_standard_repn(objectives[0].expr, quadratic=True)
    if read.nonlinear_expr is not None:
        raise ValueError(f"the leader's {objectives[0].name} is neither linear nor a sum of products")
    whole = read.constant + sum(c * v for c, v in zip(read.linear_coefs, read.linear_vars, strict=True))
    left = [(*pair, float(c)) for pair, c in zip(read.quadratic_vars, read.quadratic_coefs, strict=True)]
    for follower in followers:
        factor, left = _payment(follower, left, values)
        if factor:
            whole += factor * (values[id(follower.block)] - follower.own_cost)
    listed = [_price_first(one, prices) for one in left]
    whole += prices.products([one for one in listed if prices.covers(one[0])], "the leader's objective")
    for price, quantity, factor in listed:
        if not prices.covers(price):
            if not keep:
                remedy = "it is no payment of a linear follower: give a menu of prices or use mode 'sos1'"
                raise ValueError(f"the leader's objective holds {price.name} · {quantity.name}; {remedy}")
            whole += factor * price * quantity
    objectives[0].deactivate()
    model.conditions.objective = pyo.Objective(expr=whole, sense=objectives[0].sense)


def _price_first(term: Product, prices: PriceMenus) -> Product:
    return (term[1], term[0], term[2]) if prices.covers(term[1]) else term


def _payment(follower: Follower, terms: list[Product], values: Mapping[int, Any]) -> tuple[float, list[Product]]:
    """Factor by which all of a follower's payments stand among products, 0 if they do not, and the other products."""
    if id(follower.block) not in values or not follower.priced:
        return 0.0, terms
    if not all(row.constant for row in follower.rows):
        return 0.0, terms
    own = {frozenset((id(price), id(quantity))): factor for price, quantity, factor in follower.priced}
    mine = {}
    for first, second, factor in terms:
        key = frozenset((id(first), id(second)))
        if key in own:
            mine[key] = factor / own[key]
    if set(mine) != set(own) or max(mine.values()) - min(mine.values()) > 1e-12 * max(map(abs, mine.values())):
        return 0.0, terms
    rest = [one for one in terms if frozenset((id(one[0]), id(one[1]))) not in own]
    return next(iter(mine.values())), rest
