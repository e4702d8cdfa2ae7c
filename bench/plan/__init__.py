"""Options and a sweep file in; loads, cells and the order of visits out."""
