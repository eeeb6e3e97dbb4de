"""Fast closed-form and combinatorial kernels, named after what they compute.

The names below are looked up when first used (PEP 562), so that importing this package compiles and imports nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .availability import capacity_distribution as capacity_distribution
    from .availability import firm_capacity as firm_capacity
    from .availability import firm_capacity_mixture as firm_capacity_mixture
    from .availability import poisson_binomial as poisson_binomial
    from .battery import BatterySchedule as BatterySchedule
    from .battery import BatterySchedules as BatterySchedules
    from .battery import battery_schedule as battery_schedule
    from .battery import battery_schedules as battery_schedules
    from .coalitions import shapley_value as shapley_value
    from .internal_prices import bill_sharing_prices as bill_sharing_prices
    from .internal_prices import bills as bills
    from .internal_prices import dual_prices as dual_prices
    from .internal_prices import mmr_prices as mmr_prices
    from .internal_prices import sdr_prices as sdr_prices
    from .internal_prices import traded as traded
    from .level_path import SupplyPath as SupplyPath
    from .level_path import supply_path as supply_path
    from .load_flow import Sensitivity as Sensitivity
    from .load_flow import existence_margin as existence_margin
    from .load_flow import power_flow as power_flow
    from .load_flow import voltage_sensitivity as voltage_sensitivity
    from .newsvendor import merit_order_offer as merit_order_offer
    from .newsvendor import newsvendor_block_offer as newsvendor_block_offer
    from .newsvendor import newsvendor_offer as newsvendor_offer
    from .newsvendor import newsvendor_value as newsvendor_value
    from .operator_pricing import OperatorPricing as OperatorPricing
    from .operator_pricing import operator_prices_log as operator_prices_log
    from .operator_pricing import operator_prices_quadratic as operator_prices_quadratic
    from .seller_prices import buyers_choice as buyers_choice
    from .seller_prices import edgeworth_distribution as edgeworth_distribution
    from .seller_prices import price_equilibrium as price_equilibrium
    from .water_level import fill_to_level as fill_to_level
    from .water_level import water_filling as water_filling
    from .water_level import weighted_max_min as weighted_max_min
else:
    from importlib import import_module

    _MODULES = {
        "newsvendor_value": "newsvendor",
        "newsvendor_offer": "newsvendor",
        "newsvendor_block_offer": "newsvendor",
        "merit_order_offer": "newsvendor",
        "poisson_binomial": "availability",
        "firm_capacity_mixture": "availability",
        "firm_capacity": "availability",
        "capacity_distribution": "availability",
        "BatterySchedule": "battery",
        "BatterySchedules": "battery",
        "battery_schedule": "battery",
        "battery_schedules": "battery",
        "SupplyPath": "level_path",
        "Sensitivity": "load_flow",
        "existence_margin": "load_flow",
        "power_flow": "load_flow",
        "voltage_sensitivity": "load_flow",
        "bill_sharing_prices": "internal_prices",
        "OperatorPricing": "operator_pricing",
        "operator_prices_log": "operator_pricing",
        "operator_prices_quadratic": "operator_pricing",
        "buyers_choice": "seller_prices",
        "edgeworth_distribution": "seller_prices",
        "price_equilibrium": "seller_prices",
        "bills": "internal_prices",
        "dual_prices": "internal_prices",
        "mmr_prices": "internal_prices",
        "sdr_prices": "internal_prices",
        "shapley_value": "coalitions",
        "traded": "internal_prices",
        "supply_path": "level_path",
        "fill_to_level": "water_level",
        "water_filling": "water_level",
        "weighted_max_min": "water_level",
    }

    __all__ = sorted(_MODULES)

    def __getattr__(name: str) -> object:
        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(import_module(f".{_MODULES[name]}", __name__), name)
        globals()[name] = value
        return value

    def __dir__() -> list[str]:
        return sorted({*globals(), *_MODULES})
