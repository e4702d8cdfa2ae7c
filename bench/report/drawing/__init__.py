"""The charts of the pages, drawn by matplotlib through a renderer of their own.

A page stands alone, follows light and dark, and has a policy that forbids inline styles and every request. So
:class:`~bench.report.drawing.svg.SvgRenderer` takes matplotlib's drawing calls and writes what a page needs: a CSS
variable for each of ``style.COLOURS``, which are values that are nobody's colour; a class of the page's ``Sheet`` for
fill, stroke and font; a group with a tooltip and ``data-`` attributes for each ``Mark`` in the ``gid`` of a line; and
once among the page's ``<defs>`` the markers, clips and axes that drawings share.

What there are hundreds or thousands of, such as the bars and the series of each cell, is no matplotlib figure: the
modules return places, and the templates write the shapes. Names from data stand in tooltips alone, so that no string
is taken for mathematics or lacks a glyph.
"""
