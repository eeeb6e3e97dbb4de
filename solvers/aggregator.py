"""The menus of an aggregator's problems, one module each.

Source: Postnikov et al., *Aggregators as digital intermediaries to local electricity markets*.
"""

from __future__ import annotations

from . import adjustment as adjustment  # changes of loads so that a feeder stays within its limits
from . import feeder_portfolio as feeder_portfolio  # offers of a portfolio whose feeder has limits
from . import firm_offer as firm_offer  # what may be promised of what is there with a probability
from . import portfolio as portfolio  # offers in several markets before the scenario is known
