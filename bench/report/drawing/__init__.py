"""The charts of the pages, drawn by matplotlib through a renderer of their own.

A page stands alone, follows light and dark, and has a policy that forbids inline styles and every request. The SVG that
matplotlib writes by itself fits none of this, so :class:`~bench.report.drawing.svg.SvgRenderer` takes matplotlib's
drawing calls and writes the elements that a page needs:

- *Colours.* matplotlib must be given some colour, so charts are drawn in those of ``style.COLOURS``, a table of values
  that are nobody's colour -> CSS variables. The renderer writes the variable; ``page.css`` gives it a value for light
  and one for dark. The drawing itself is the same in both.
- *Styles.* Fill, stroke, dash and font of a call become a class of the page's ``Sheet``, which all drawings share.
- *Tooltips.* ``Line2D(…, gid=[Mark(…), …])`` makes a group of the line, or of each of its markers, with a ``<title>``
  and ``data-`` attributes, by which ``run.js`` finds the points for the mouse and the keyboard.
- *Size.* Markers, clips and axes that several drawings have in common stand once in the page, among the ``<defs>`` of
  the ``Sheet``. Coordinates have one decimal, see :mod:`bench.report.drawing.svg`.

A chart is a function that draws on ``canvas.Drawing``; ``canvas.editions`` draws it for each value axis that a reader
can choose. ``figures.draw`` makes all charts of a page. What there are hundreds or thousands of, such as the bars and
the series of each cell, is no matplotlib figure: the modules return places, and the templates write the shapes.

Names from data stay out of the charts but for their tooltips: the page writes them beside. So no string is taken for
mathematics or lacks a glyph. Only modules of this package and those that draw with it import matplotlib.
"""
