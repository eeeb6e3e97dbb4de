"""Internal prices of a community for each interval, and what every member then pays.

Members meet behind one connection: B_t is what those who are short buy in interval t, S_t what those who are long sell.
The grid sells at its retail price λb and takes back at its feed-in price λs ≤ λb. A rule names a price p_b for buying
and a price p_s for selling, such that what members pay is what the grid is paid:

    p_b B - p_s S = λb (B - S)⁺ - λs (S - B)⁺.

The three rules by interval (supply and demand ratio, mid-market rate, dual price) keep that and λs ≤ p_s ≤ p_b ≤ λb in
every case, those included in which a formula has a quotient of zeros or a pole; :func:`edge_cases` names such
intervals. Bill sharing keeps it over its horizon only, and leaves the bracket.

Source: Liu et al., *Energy-sharing model with price-based demand response for microgrids of peer-to-peer prosumers*,
IEEE TPWRS 32(5), 2017 (SDR, compensation); Lange, equations 2 to 4, whose signs are mended: B and S are both positive.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .block_search import Task, in_parallel
from .jit import njit

CHUNKS = 64
"""Members are added up in as many blocks, whatever the number of threads, so that sums are the same to the last bit."""

SERIAL_CELLS = 50_000
"""Below this, starting threads takes longer than the work."""

ROUNDING = 2.5e-13
"""Relative difference of two sums that counts as none."""

Pair = tuple[np.ndarray, np.ndarray]


def sdr_prices(
    buying_kwh: Any, selling_kwh: Any, retail_price: Any, feed_in_price: Any, compensation: Any = 0.0
) -> Pair:
    """Prices by the supply and demand ratio r = S / B.

    The inverse of the selling price is linear in r, from 1/λb (nobody sells) to 1/λs (r = 1); where more is sold than
    bought, both prices are the feed-in price. A compensation κ for sharing raises the selling price at r = 1.

    Parameters
    ----------
    buying_kwh, selling_kwh : (T,) arrays, kWh
        B and S, at least 0.
    retail_price, feed_in_price : (T,) arrays or numbers, currency/kWh
        λb and λs, with λs ≤ λb.
    compensation : (T,) array or number, currency/kWh
        κ in [0, λb - λs].

    Returns
    -------
    buy_price, sell_price : (T,) arrays, currency/kWh
        Where nobody sells both are λb; where nobody buys they are λs + κ and λs; where nobody trades, λb and λs. The
        formula has a pole at λs + κ ≤ 0: there the selling price itself falls linearly in r.

    Raises
    ------
    ValueError
        For an energy below 0, a feed-in price above the retail price, or a compensation outside its interval; each
        names the interval.
    """
    buying, selling, retail, feed_in = checked_trades(buying_kwh, selling_kwh, retail_price, feed_in_price)
    extra = np.broadcast_to(np.asarray(compensation, dtype=float), buying.shape)
    # 0.3 - 0.2 is not 0.1: a compensation of the whole difference may be above it by its rounding.
    wrong = ~((extra >= 0) & (extra <= retail - feed_in + ROUNDING * np.abs(retail)))
    if wrong.any():
        t = int(wrong.argmax())
        raise ValueError(
            f"interval {t}: compensation {extra[t]:g} lies outside [0, {retail[t] - feed_in[t]:g}], "
            "which is [0, retail price - feed-in price]"
        )
    floor, spread = np.minimum(feed_in + extra, retail), np.maximum(retail - feed_in - extra, 0.0)
    short = selling <= buying
    some = np.where(buying > 0, buying, 1.0)
    r = np.where(short, selling / some, 1.0)
    pole = floor <= 0
    # Both operands of the quotient are kept away from 0, where it would not be used anyway.
    inside = floor * retail / np.where(pole, 1.0, spread * r + floor)
    sell = np.where(pole, retail - spread * r, inside)
    buy = sell * r + retail * (1.0 - r)
    some = np.where(selling > 0, selling, 1.0)
    sell = np.where(short, sell, feed_in + extra * (buying / some))
    buy = np.where(short, buy, floor)
    nobody_sells, nobody = (selling == 0) & (buying > 0), (selling == 0) & (buying == 0)
    sell = np.where(nobody_sells, retail, np.where(nobody, feed_in, sell))
    buy = np.where(nobody_sells | nobody, retail, buy)
    return buy, sell


def mmr_prices(buying_kwh: Any, selling_kwh: Any, retail_price: Any, feed_in_price: Any) -> Pair:
    """Mid-market rate: members trade half way between the grid's prices, and the longer side shares what the grid does.

    Each side, buyers and sellers, receives half of what trading saves, (λb - λs) min(B, S).

    Parameters
    ----------
    buying_kwh, selling_kwh, retail_price, feed_in_price
        As of :func:`sdr_prices`.

    Returns
    -------
    buy_price, sell_price : (T,) arrays, currency/kWh
        Where a side has nothing to trade its price is that of a first small amount: the middle.

    Raises
    ------
    ValueError
        As of :func:`sdr_prices`.
    """
    buying, selling, retail, feed_in = checked_trades(buying_kwh, selling_kwh, retail_price, feed_in_price)
    middle = 0.5 * (retail + feed_in)
    inside = np.minimum(buying, selling)
    from_grid = (buying - inside) / np.where(buying > 0, buying, 1.0)
    to_grid = (selling - inside) / np.where(selling > 0, selling, 1.0)
    return middle + from_grid * (retail - middle), middle - to_grid * (middle - feed_in)


def dual_prices(
    buying_kwh: Any, selling_kwh: Any, retail_price: Any, feed_in_price: Any, balanced: float = 0.5
) -> Pair:
    """The price at which the market clears: what one more kWh of demand costs the community (Owen's price).

    Parameters
    ----------
    buying_kwh, selling_kwh, retail_price, feed_in_price
        As of :func:`sdr_prices`.
    balanced : float
        Where B = S, but for the rounding of their sums, every price between the grid's is a dual: this share of the way
        from λs to λb is taken.

    Returns
    -------
    buy_price, sell_price : (T,) arrays, currency/kWh
        Equal: λb where the community is short, λs where it is long.

    Raises
    ------
    ValueError
        As of :func:`sdr_prices`, and for a share outside [0, 1].
    """
    buying, selling, retail, feed_in = checked_trades(buying_kwh, selling_kwh, retail_price, feed_in_price)
    if not 0.0 <= balanced <= 1.0:
        raise ValueError(f"balanced must lie in [0, 1], not {balanced:g}")
    between = feed_in + balanced * (retail - feed_in)
    even = np.abs(buying - selling) <= ROUNDING * (buying + selling)
    price = np.where(even, between, np.where(buying > selling, retail, feed_in))
    return price, price.copy()


def bill_sharing_prices(net_kwh: Any, retail_price: Any, feed_in_price: Any) -> tuple[float, float]:
    """Bill sharing: the community's bill over the horizon, by the energy of those who bought and of those who sold.

    What members give each other costs nothing; what the grid is paid, and pays, is shared out by energy.

    Parameters
    ----------
    net_kwh : (members, T) array, kWh
        Demand minus supply of each member.
    retail_price, feed_in_price : (T,) arrays or numbers, currency/kWh
        Of the grid.

    Returns
    -------
    buy_price, sell_price : floats, currency/kWh
        One pair for the horizon; 0 for a side that has no energy. It balances over the horizon only, and may leave
        the bracket of the grid's prices, so that members may do worse than alone.

    Raises
    ------
    ValueError
        As of :func:`sdr_prices`.
    """
    net = _net(net_kwh)
    buying, selling = traded(net)
    buying, selling, retail, feed_in = checked_trades(buying, selling, retail_price, feed_in_price)
    total = buying - selling
    bought, sold = buying.sum(), selling.sum()
    paid, received = (retail * np.maximum(total, 0.0)).sum(), (feed_in * np.maximum(-total, 0.0)).sum()
    return float(paid / bought) if bought > 0 else 0.0, float(received / sold) if sold > 0 else 0.0


def traded(net_kwh: Any) -> Pair:
    """What all members who are short buy, and all who are long sell, in each interval.

    Parameters
    ----------
    net_kwh : (members, T) array, kWh
        Demand minus supply of each member.

    Returns
    -------
    buying_kwh, selling_kwh : (T,) arrays, kWh
        B and S. Sums are formed in the same order whatever the number of threads.
    """
    net = _net(net_kwh)
    members, intervals = net.shape
    blocks = min(CHUNKS, members)
    partial = np.zeros((2, blocks, intervals))
    _run(lambda first, last: _add_up(net, partial, first, last), blocks, net.size)
    return partial[0].sum(axis=0), partial[1].sum(axis=0)


def bills(net_kwh: Any, buy_price: Any, sell_price: Any) -> np.ndarray:
    """What every member pays in every interval.

    Parameters
    ----------
    net_kwh : (members, T) array, kWh
        Demand minus supply of each member.
    buy_price, sell_price : (T,) arrays or numbers, currency/kWh
        For what a member buys, and for what it sells.

    Returns
    -------
    (members, T) array, currency
        Positive where the member pays.
    """
    net = _net(net_kwh)
    buy, sell = _prices(buy_price, net), _prices(sell_price, net)
    result = np.empty_like(net)
    _run(lambda first, last: _multiply(net, buy, sell, result, first, last), len(net), net.size)
    return result


def edge_cases(
    buying_kwh: np.ndarray, selling_kwh: np.ndarray, feed_in_price: np.ndarray, compensation: float = 0.0
) -> np.ndarray:
    """Which intervals are priced by convention rather than by a formula, in words.

    Parameters
    ----------
    buying_kwh, selling_kwh : (T,) arrays, kWh
        B and S.
    feed_in_price : (T,) array, currency/kWh
        λs.
    compensation : float, currency/kWh
        κ.

    Returns
    -------
    (T,) array of str
        ``"nobody trades"``, ``"nobody sells"``, ``"nobody buys"``, ``"no feed-in price"`` (0 or less, with the
        compensation), or empty.
    """
    case = np.where(np.asarray(feed_in_price) + compensation <= 0, "no feed-in price", "").astype(object)
    case[(selling_kwh == 0) & (buying_kwh > 0)] = "nobody sells"
    case[(buying_kwh == 0) & (selling_kwh > 0)] = "nobody buys"
    case[(buying_kwh == 0) & (selling_kwh == 0)] = "nobody trades"
    return case


def _net(net_kwh: Any) -> np.ndarray:
    net = np.require(net_kwh, dtype=float, requirements=["C"])
    if net.ndim != 2:
        raise ValueError(f"net_kwh must have shape (members, intervals), not {net.shape}")
    # Numba takes a read-only array for another type, for which it would compile a second time.
    return net if net.flags.writeable else net.copy()


def _prices(price: Any, net: np.ndarray) -> np.ndarray:
    try:
        return np.array(np.broadcast_to(np.asarray(price, dtype=float), net.shape[1:]))
    except ValueError as error:
        raise ValueError(f"{np.size(price)} prices do not fit {net.shape[1]} intervals of net_kwh") from error


def checked_trades(buying: Any, selling: Any, retail: Any, feed_in: Any) -> tuple[np.ndarray, ...]:
    """Energies and prices as arrays of one shape, (T,) each; see :func:`sdr_prices` for what is refused."""
    arrays = [np.atleast_1d(np.asarray(values, dtype=float)) for values in (buying, selling, retail, feed_in)]
    try:
        bought, sold, high, low = np.broadcast_arrays(*arrays)
    except ValueError as error:
        shapes = ", ".join(str(values.shape) for values in arrays)
        raise ValueError(f"energies and prices do not fit each other: shapes {shapes}") from error
    for name, values in (("buying_kwh", bought), ("selling_kwh", sold)):
        wrong = ~((values >= 0) & (values < np.inf))
        if wrong.any():
            t = int(wrong.argmax())
            raise ValueError(f"interval {t}: {name} is {values[t]:g}; it must be a number of at least 0")
    for name, values in (("retail price", high), ("feed-in price", low)):
        wrong = ~np.isfinite(values)
        if wrong.any():
            t = int(wrong.argmax())
            raise ValueError(f"interval {t}: the {name} is {values[t]:g}; it must be a finite number")
    wrong = ~(low <= high)
    if wrong.any():
        t = int(wrong.argmax())
        raise ValueError(f"interval {t}: feed-in price {low[t]:g} must not be above the retail price {high[t]:g}")
    return bought, sold, high, low


def _run(task: Task, count: int, cells: int) -> None:
    if cells < SERIAL_CELLS:
        task(0, count)
    else:
        in_parallel(task, count)


@njit(nogil=True)
def _add_up(net: np.ndarray, partial: np.ndarray, first: int, last: int) -> None:
    members, intervals = net.shape
    blocks = partial.shape[1]
    for block in range(first, last):
        # Sums of a block lie in arrays of their own, so that threads do not write to one cache line.
        bought, sold = np.zeros(intervals), np.zeros(intervals)
        for i in range(members * block // blocks, members * (block + 1) // blocks):
            for t in range(intervals):
                value = net[i, t]
                bought[t] += max(value, 0.0)
                sold[t] += max(-value, 0.0)
        partial[0, block] = bought
        partial[1, block] = sold


@njit(nogil=True)
def _multiply(net: np.ndarray, buy: np.ndarray, sell: np.ndarray, result: np.ndarray, first: int, last: int) -> None:
    for i in range(first, last):
        for t in range(net.shape[1]):
            value = net[i, t]
            # Two products without a branch: the signs of net loads cannot be guessed, and a wrong guess costs more.
            result[i, t] = max(value, 0.0) * buy[t] + min(value, 0.0) * sell[t]
