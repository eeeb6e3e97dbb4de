"""The menus of the Stackelberg games, one module each.

Source: Liu, Yu, Wang, Wang, IEEE TII 13(3), 2017; Paudel et al., IEEE TIE 66(8), 2019; Tushar et al., IEEE TSG 5(3),
2014; El Rahi et al., IEEE TSG 10(1), 2019.
"""

from __future__ import annotations

from . import operator as operator  # prices that an operator sets for members who answer
from . import procurement as procurement  # prices that a buyer sets for sellers who answer
from . import prospects as prospects  # a price before an unknown tomorrow, and losses that hurt
from . import sellers as sellers  # prices that sellers set for buyers who choose
from . import tariff as tariff  # an operator's tariff for members with batteries
