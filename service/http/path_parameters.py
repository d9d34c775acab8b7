"""Parameters of handlers for the names in paths."""

from typing import Annotated

from fastapi import Path

from firsthand.core.names import Word

OrganizationInPath = Annotated[Word, Path(description="The name of the organization, such as `acme`.")]
DatasetInPath = Annotated[Word, Path(description="The name of the dataset, without its organization, such as `web`.")]
ModelInPath = Annotated[
    Word, Path(description="The name of the model, without its organization and version, such as `writer`.")
]
VersionInPath = Annotated[Word, Path(description="The version of the model, such as `1`.")]
