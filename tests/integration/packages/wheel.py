"""What a wheel contains."""

from __future__ import annotations

import calendar
from configparser import ConfigParser
from email.message import Message
from email.parser import Parser
from functools import cached_property
from pathlib import Path
from zipfile import ZipFile


class Wheel:
    """A wheel in a folder."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._name, self._version = path.name.split("-")[:2]

    @cached_property
    def files(self) -> dict[str, bytes]:
        """Its files by their path."""
        with ZipFile(self.path) as archive:
            return {each: archive.read(each) for each in archive.namelist()}

    @cached_property
    def metadata(self) -> Message:
        """Its metadata."""
        return Parser().parsestr(self._info("METADATA"))

    @property
    def times(self) -> set[int]:
        """The Unix times of its files, which zip archives keep with a precision of two seconds."""
        with ZipFile(self.path) as archive:
            return {calendar.timegm(each.date_time) for each in archive.infolist()}

    @property
    def package(self) -> str:
        """The name to import."""
        (package,) = {each.partition("/")[0] for each in self.files if ".dist-info/" not in each}
        return package

    @property
    def commands(self) -> list[str]:
        """Its console scripts."""
        parser = ConfigParser()
        parser.read_string(self._info("entry_points.txt"))
        return list(parser["console_scripts"]) if "console_scripts" in parser else []

    def _info(self, name: str) -> str:
        return self.files.get(f"{self._name}-{self._version}.dist-info/{name}", b"").decode()
