"""Models in the database: a statement that never changes, and a separate derivation of the generation."""

import json
from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from firsthand.core.names import ParsedModelName as ModelName
from firsthand.schemas.mixes import Part, Recipe
from firsthand.schemas.models import Model, NewModel, OriginCounts, TrainedOn
from service.claims.catalog import Catalog
from service.claims.generations import check_stated_generation
from service.errors import NotPermitted, ResourceNotFound, StateConflict, Unprocessable
from service.log import store as log
from service.log.rules import Issuer, canonical_time, optional_moment
from service.mixes import cost
from service.mixes import store as mixes
from service.mixes.scan import Scan
from service.models.rules import Derivation, derive
from service.storage import tables
from service.storage.engine import Database


def derivation(
    database: Database,
    catalog: Catalog,
    issuer: Issuer,
    name: ModelName,
    new: NewModel,
    spend: Callable[[float], None],
) -> Derivation:
    """Return the generation of a model, computed from its training data at the positions in the request.

    This takes long for large datasets, so it must run before any transaction that writes. This is safe, because
    statements up to a position never change. `spend` is called with the cost of counting a dataset before the items are
    counted. Raises NotPermitted for a model of another organization. Raises Unprocessable if the training data does not
    exist, or if the stated generation contradicts it.
    """
    _check_owner(issuer, name)
    counts = OriginCounts()
    for number, source in enumerate(new.trained_on):
        _check_readable(issuer, source, f"trained_on[{number}]")
        counts = counts + _counts(database, catalog, source, f"trained_on[{number}]", spend)
    derived = derive(bool(new.trained_on), counts, new.generation)
    if new.trained_on:
        check_stated_generation(new.generation, derived.generation, derived.lower_bound, str(name))
    return derived


def _check_owner(issuer: Issuer, name: ModelName) -> None:
    if name.organization != issuer.name:
        raise NotPermitted(
            f"The model {name} would belong to {name.organization}, but this API key belongs to {issuer.name}. "
            f"Use a name that begins with {issuer.name}/."
        )


def _check_readable(issuer: Issuer, source: TrainedOn, where: str) -> None:
    """Raise NotPermitted if the key must not read the counts of the training data."""
    if not issuer.reads and (source.dataset or "").partition("/")[0] != issuer.name:
        raise NotPermitted(
            f"{where}: this API key has no scope read, so it can only name datasets of {issuer.name}. "
            "To name a mix, or a dataset of another organization, use a key that also has the scope read."
        )


def _counts(
    database: Database, catalog: Catalog, source: TrainedOn, where: str, spend: Callable[[float], None]
) -> OriginCounts:
    """Return the number of items of one mix or dataset by verdict and generation.

    Raises Unprocessable, with `where`, if the mix, the dataset or the position does not exist.
    """
    with database.reads() as session:
        if source.mix is not None:
            try:
                return mixes.get(session, source.mix).counts
            except ResourceNotFound as error:
                raise Unprocessable.at(where, error.detail) from None
        head = log.position(session)
        # a model can refer only to existing positions, so no model can be its own ancestor
        if source.position is None or source.position > head:
            raise Unprocessable.at(
                where,
                f"position {source.position} does not exist yet; use at most {head}, which is the newest position",
            )
        view = catalog.view(session, source.position)
    if source.dataset is None or view.named("datasets", source.dataset) is None:
        raise Unprocessable.at(
            where,
            f"there is no dataset {source.dataset} at position {source.position}; check the name, or use a later "
            "position",
        )
    part = Part(datasets=[source.dataset])
    scan = Scan(database, view, Recipe(parts=[part], as_of=view.position))
    spend(cost.filter_cost(view, scan.recipe) + cost.estimate(database, scan, scan.recipe).cost)
    return mixes.census(database, view, part)


def put(session: Session, issuer: Issuer, name: ModelName, new: NewModel, derived: Derivation) -> tuple[Model, bool]:
    """Create a model. Return (the model, whether it is new).

    Raises NotPermitted if the name belongs to another organization, and StateConflict if the model already exists with
    another body.
    """
    _check_owner(issuer, name)
    log.lock(session)
    row = _row(session, str(name))
    values = _values(new)
    if row is not None:
        if any(getattr(row, column) != value for column, value in values.items()):
            raise StateConflict(
                f"The model {name} already exists with another body. A model cannot be changed; use another version."
            )
        return _model(row), False
    position = log.append(session, "model", issuer, _statement(name, new))
    model = session.execute(
        insert(tables.models)
        .values(organization=issuer.id, name=str(name), position=position, **values)
        .returning(tables.models.c.id)
    ).scalar_one()
    columns = {"generation": derived.generation, "lower_bound": derived.lower_bound, "basis": derived.basis}
    body = {"model": str(name), **columns, "counts": derived.counts.model_dump(mode="json")}
    session.execute(
        insert(tables.derivations).values(
            position=log.append(session, "derivation", issuer, body),
            model=model,
            counts=derived.counts.model_dump_json(),
            **columns,
        )
    )
    return get(session, str(name)), True


def _values(new: NewModel) -> dict[str, Any]:
    """Return the columns of the table `models` whose values come from the body of the request."""
    return {
        "title": new.title,
        "trained_on": json.dumps([source.model_dump(mode="json") for source in new.trained_on]),
        "declared": new.generation,
        "served_from": None if new.served_from is None else int(new.served_from.timestamp()),
    }


def _statement(name: ModelName, new: NewModel) -> dict[str, Any]:
    """Return the body of a model's statement."""
    body: dict[str, Any] = {
        "model": str(name),
        "title": new.title,
        "trained_on": [source.model_dump(mode="json", exclude_none=True) for source in new.trained_on],
    }
    if new.generation is not None:
        body["generation"] = new.generation
    if new.served_from is not None:
        body["served_from"] = canonical_time(int(new.served_from.timestamp()))
    return body


def get(session: Session, name: str) -> Model:
    """Return a model. Raises ResourceNotFound if it does not exist."""
    row = _row(session, name)
    if row is None:
        raise ResourceNotFound(f"There is no model {name}. GET /v1/models lists all models.")
    return _model(row)


def page(session: Session, after: str, limit: int) -> Sequence[Model]:
    """Return at most `limit` models with names after `after`, sorted by name."""
    return [_model(row) for row in session.execute(_rows().where(tables.models.c.name > after).limit(limit))]


def _row(session: Session, name: str) -> Any | None:
    return session.execute(_rows().where(tables.models.c.name == name)).one_or_none()


def _rows() -> Any:
    """Return the query for models, each with its newest derivation, sorted by name."""
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
