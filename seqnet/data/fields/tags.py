"""A tag for each of a list of words."""

from collections.abc import Sequence
from typing import Any, Literal

from seqnet.data.fields import schemes
from seqnet.data.fields.field import Raw
from seqnet.data.fields.label import LabelField, exported_label
from seqnet.data.fields.options import chosen, no_effect
from seqnet.data.fields.raw import Unusable, items
from seqnet.errors import ConfigurationError
from seqnet.kinds import BIO, Axis, Item, Kind


class TagsField(LabelField):
    """A tag a step: a list of them, or text with white space between them. Its tags are those of the training rows.

    scheme: none, or how spans are written in the file: BIO, BIOES or IOB1, which are read as BIO. convert_back: what is
    decoded is written in the file's scheme again. order: as for labels. Raises ConfigurationError.
    """

    def __init__(
        self,
        scheme: Literal["none", "BIO", "BIOES", "IOB1"] = "none",
        convert_back: bool = False,
        order: Literal["alphabet", "frequency", "value"] = "alphabet",
    ) -> None:
        chosen("scheme", scheme, ("none", *schemes.LETTERS))
        if convert_back and scheme in ("none", "BIO"):
            raise no_effect("convert_back", "true", f"with scheme={scheme}: nothing is converted")
        super().__init__("step", order)
        self._scheme, self._convert_back = scheme, convert_back

    @property
    def kind(self) -> Kind:
        """A label a step."""
        return Kind(Item.LABEL, Axis.STEP, frozenset({BIO} if self._scheme != "none" else ()))

    def _labels(self, value: Raw) -> list[str | None]:
        tags: list[str | None] = super()._labels(value)
        for place, tag in enumerate(items(value), 1):
            if isinstance(tag, str) and not tag.strip():  # an empty cell; null is a word of which nothing is asked
                raise Unusable(f"tag {place} is empty")
        if self._scheme == "none":
            return tags
        # Where nothing is asked there is no span: it ends one, and is None again afterwards.
        whole = [tag or schemes.OUTSIDE for tag in tags]
        for tag in whole:
            if problem := schemes.problem(tag, self._scheme):
                raise Unusable(problem)
        converted = schemes.to_bio(whole, self._scheme)
        return [None if tag is None else made for tag, made in zip(tags, converted, strict=True)]

    def exported(self) -> dict[str, Any]:
        """See seqnet.exported. Raises ConfigurationError where tags are written in another scheme than read."""
        if self._convert_back:
            raise ConfigurationError(
                f"data.fields.*.convert_back=true writes tags in scheme={self._scheme}, and an exported model answers "
                "BIO tags: train with convert_back=false to export"
            )
        return exported_label(self.names, self._axis)

    def decode(self, entry: Any) -> str | list[str | None] | None:
        """The tag of a number, or those of a row of numbers; None where nothing is asked, or it is unknown."""
        found = super().decode(entry)
        return self.told(found) if isinstance(found, list) else found

    def told(self, tags: Sequence[str | None]) -> list[str | None]:
        """The tags of a row that were decided, as they are written."""
        if not self._convert_back:
            return list(tags)
        written: Sequence[str] = schemes.from_bio([tag or schemes.OUTSIDE for tag in tags], self._scheme)
        return [None if tag is None else made for tag, made in zip(tags, written, strict=True)]
