"""Models in the database: an immutable statement, and the derivation of its generation beside it."""

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from firsthand.core.names import Model as ModelName
from firsthand.schemas.mixes import Part
from firsthand.schemas.models import Model, NewModel, OriginCounts, TrainedOn
from service.claims.catalog import Catalog
from service.errors import Conflict, Forbidden, NotFound, Unprocessable
from service.log import store as log
from service.log.rules import Speaker, canonical_time, optional_moment
from service.mixes import store as mixes
from service.mixes.rules import added
from service.models.rules import Derivation, derive
from service.registrations.rules import check_generation
from service.storage import tables
from service.storage.engine import Database


def derivation(database: Database, catalog: Catalog, name: str, new: NewModel) -> Derivation:
    """Compute a model's generation from its training data, at the positions that it names.

    Long for large datasets, so it runs before any transaction that writes; what it reads never changes.
    """
    counts = OriginCounts()
    for number, source in enumerate(new.trained_on):
        counts = added(counts, _counts(database, catalog, source, f"trained_on[{number}]"))
    found = derive(bool(new.trained_on), counts, new.generation)
    if new.trained_on:
        check_generation(new.generation, found.generation, found.lower_bound, name)
    return found


def _counts(database: Database, catalog: Catalog, source: TrainedOn, where: str) -> OriginCounts:
    with database.reads() as session:
        if source.mix is not None:
            try:
                return mixes.get(session, source.mix).counts
            except NotFound as error:
                raise Unprocessable.at(where, error.detail) from None
        head = log.position(session)
        # what a model refers to has a position already: so no chain of models can come back to where it began
        if source.position is None or source.position > head:
            raise Unprocessable.at(where, f"position {source.position} is not reached yet; the head is {head}")
        view = catalog.view(session, source.position)
    if source.dataset is None or view.named("datasets", source.dataset) is None:
        raise Unprocessable.at(where, f"there is no dataset {source.dataset} at position {source.position}")
    return mixes.census(database, view, Part(datasets=[source.dataset]))


def put(session: Session, speaker: Speaker, name: ModelName, new: NewModel, found: Derivation) -> tuple[Model, bool]:
    """Register a model. Returns (model, whether it is new); the same body again changes nothing, another is refused."""
    if name.organization != speaker.name:
        raise Forbidden(f"The model {name} would be one of {name.organization}, and this key is one of {speaker.name}.")
    log.lock(session)
    row = _row(session, str(name))
    values = _values(new)
    if row is not None:
        if any(getattr(row, column) != value for column, value in values.items()):
            raise Conflict(f"{name} is registered with another body; a changed model is another version.")
        return _model(row), False
    place = log.append(session, "model", speaker, _statement(name, new))
    model = session.execute(
        insert(tables.models)
        .values(organization=speaker.id, name=str(name), position=place, **values)
        .returning(tables.models.c.id)
    ).scalar_one()
    derived = {"generation": found.generation, "lower_bound": found.lower_bound, "basis": found.basis}
    body = {"model": str(name), **derived, "counts": found.counts.model_dump(mode="json")}
    session.execute(
        insert(tables.derivations).values(
            position=log.append(session, "derivation", speaker, body),
            model=model,
            counts=found.counts.model_dump_json(),
            **derived,
        )
    )
    return get(session, str(name)), True


def _values(new: NewModel) -> dict[str, Any]:
    return {
        "title": new.title,
        "trained_on": json.dumps([source.model_dump(mode="json") for source in new.trained_on]),
        "declared": new.generation,
        "served_from": None if new.served_from is None else int(new.served_from.timestamp()),
    }


def _statement(name: ModelName, new: NewModel) -> dict[str, Any]:
    said: dict[str, Any] = {
        "model": str(name),
        "title": new.title,
        "trained_on": [source.model_dump(mode="json", exclude_none=True) for source in new.trained_on],
    }
    if new.generation is not None:
        said["generation"] = new.generation
    if new.served_from is not None:
        said["served_from"] = canonical_time(int(new.served_from.timestamp()))
    return said


def get(session: Session, name: str) -> Model:
    row = _row(session, name)
    if row is None:
        raise NotFound(f"There is no model {name}.")
    return _model(row)


def page(session: Session, after: str, limit: int) -> Sequence[Model]:
    return [_model(row) for row in session.execute(_rows().where(tables.models.c.name > after).limit(limit))]


def _row(session: Session, name: str) -> Any | None:
    return session.execute(_rows().where(tables.models.c.name == name)).one_or_none()


def _rows() -> Any:
    """Models, each with its last derivation, by name."""
    models, derivations, any_ = tables.models, tables.derivations, tables.derivations.alias("any")
    newest = select(func.max(any_.c.position)).where(any_.c.model == models.c.id).correlate(models).scalar_subquery()
    derived = (derivations.c.generation, derivations.c.lower_bound, derivations.c.basis, derivations.c.counts)
    return (
        select(models, derivations.c.position.label("derived_at"), *derived)
        .select_from(models)
        .join(derivations, derivations.c.position == newest)
        .order_by(models.c.name)
    )


def _model(row: Any) -> Model:
    return Model(
        name=row.name,
        title=row.title,
        position=row.derived_at,
        trained_on=[TrainedOn.model_validate(source) for source in json.loads(row.trained_on)],
        served_from=optional_moment(row.served_from),
        generation=row.generation,
        lower_bound=row.lower_bound,
        basis=row.basis,
        declared=row.declared,
        trained_on_counts=OriginCounts.model_validate_json(row.counts),
    )
