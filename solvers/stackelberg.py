"""The menus of the Stackelberg games, one module each.

Source: Liu, Yu, Wang, Wang, IEEE TII 13(3), 2017; Paudel et al., IEEE TIE 66(8), 2019.
"""
