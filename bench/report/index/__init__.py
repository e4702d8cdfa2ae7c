"""All reports of a folder on one page, by the JSON files beside their pages; rewritten after each of them."""
