"""``nox -s fleet -- certs NAME …``: certificates by which the machines of a lab know each other."""

from collections.abc import Sequence

from bench.cli import Parser, add_folder, command
from bench.fleet.certificates import AUTHORITY, make_certificates


@command
def main(arguments: Sequence[str]) -> int:
    """Make them; returns the exit status."""
    asked = _parser().parse_args(arguments)
    for folder in make_certificates(asked.into, asked.names):
        purpose = "keep it here: it signs certificates" if folder.name == AUTHORITY else f"copy it to {folder.name}"
        print(f"made       {folder}: {purpose}")
    print("note       who holds one of these folders can run programs on every machine of the fleet")
    return 0


def _parser() -> Parser:
    parser = Parser(
        prog="nox -s fleet -- certs",
        description="Make a folder with a certificate for each machine and for the desk; a folder that is there stays.",
    )
    parser.add_argument("names", nargs="+", metavar="NAME", help="the machines, and the desk, where the scheduler runs")
    what = "where the folders are made, and where the authority is that signs further ones"
    add_folder(parser, "--into", what, "certs")
    return parser
