"""What a backend, one way to make a model answer, can do: told without importing anything of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from benchtui.backends.access import Access
from benchtui.errors import UsageError
from benchtui.machine import free_gpu_memory, free_memory
from benchtui.models.layout import Kind
from benchtui.python_environment import OWN, WORKER_NEEDS, check_packages
from benchtui.text import one_line

if TYPE_CHECKING:  # they bring in all that reads models, and every command reads these descriptions
    from pathlib import Path

    from benchtui.models.describe import ModelDescription
    from benchtui.models.layout import ModelFormat, TrainedModel
    from benchtui.models.source import Source

Distributions = Literal["full", "top-k", "none"]
Ability = Literal["generate", "loglikelihood"]
"""What a task can need of a model."""


@dataclass(frozen=True)
class Gives:
    """What a backend's models give.

    `generate`: text that continues a prompt. `loglikelihood`: log-probabilities of a given text after another one.
    `distributions`: log-probabilities of all next tokens, of the k likeliest, or none. `chat`: answers to a list of
    messages. `adapters`: PEFT adapters are put on a base. `no_loglikelihood` says why there are no log-likelihoods
    where that has to be explained, worded to follow a colon, and `instead` what would give them, as a sentence.
    """

    generate: bool = False
    loglikelihood: bool = False
    distributions: Distributions = "none"
    chat: bool = False
    adapters: bool = False
    no_loglikelihood: str = ""
    instead: str = ""

    def can(self, ability: Ability) -> bool:
        """Return whether there is what a task needs."""
        return self.generate if ability == "generate" else self.loglikelihood


@dataclass(frozen=True)
class Need:
    """A package that a backend needs, by its name on PyPI, with the exact line that installs it, and the version that
    the backend's numbers were checked with, "" where nobody says."""

    package: str
    install: str
    checked: str = ""


@dataclass(frozen=True)
class OwnSetting:
    """A setting that only this backend has: a row of `settings/rows` is made from it.

    `choices` are its values, none where any text will do. Without `scores` it cannot change a score, and runs that
    differ in it are compared and resumed as if it were the same.
    """

    name: str
    help: str
    choices: tuple[str, ...]
    default: str
    metavar: str = "NAME"
    scores: bool = True


@dataclass(frozen=True)
class Machine:
    """The device that a model would be loaded on (PyTorch's word for its type), and its free memory in bytes."""

    device: str
    free: int

    @staticmethod
    def of(device: str, gpus: int = 1) -> Machine | None:
        """Return what a model would be loaded on where the user asks for `device` (auto for any), and for so many
        `gpus` to hold it together; None where its free memory is not known. Asks the GPU's driver, which takes a
        moment."""
        if device not in ("auto", "cpu", "mps", "cuda", "cuda:0"):
            return None
        gpu = free_gpu_memory(gpus) if device not in ("cpu", "mps") else None
        if gpu is not None:
            return Machine("cuda", gpu)
        return None if device.startswith("cuda") else Machine("cpu" if device != "mps" else "mps", free_memory())


@dataclass(frozen=True)
class BatchAdvice:
    """How many sequences at once suit a machine.

    `size` is advised, `fits` the largest that memory holds at full length, and `beyond` says what happens with more.
    `why` says what is done where the user asks for no size: one line without a full stop.
    """

    size: int
    fits: int
    device: str
    why: str
    beyond: str


@dataclass(frozen=True)
class Backend:
    """The description of a backend. A new one is an object of this class, or of a subclass that overrides methods.

    `title` names what does the work, for lists. `takes` are the kinds of formats that it loads, best first; `served`
    says that its models are those of a server, which lists and describes them, `switches` that a base and an adapter on
    it are one load of weights. `spreads_by` is the model argument with which it puts one model on several devices, ""
    where --model-parallel cannot ask it to, and `spreads_itself` says what to do instead. `costs` is for lists: what
    its answers cost, or what they ask for first, one line without a full stop. `unverified` says in a few words what
    of it nobody has tried, "" where all of it was.
    `answering` names the worker's module that opens a plan's model (`AnsweringModule` of the worker's protocol); only a
    worker may import it, since it brings what is heavy. `reserved_arguments` are names that --model-args may not set,
    each with the flag that does; `harmless_arguments` those that can load no file and no code. `lm_eval_model` is the
    name of lm-eval's own model that answers the same when it is given the plan's files, "" for none.
    """

    name: str
    title: str
    takes: tuple[Kind, ...]
    gives: Gives
    answering: str
    needs: tuple[Need, ...] = ()
    settings: tuple[OwnSetting, ...] = ()
    reserved_arguments: Mapping[str, str] = field(default_factory=dict)
    harmless_arguments: frozenset[str] = frozenset()
    lm_eval_model: str = ""
    served: bool = False
    switches: bool = False
    spreads_by: str = ""
    spreads_itself: str = ""
    costs: str = ""
    unverified: str = ""

    def check(self, access: Access | None = None) -> None:
        """Raise BenchtuiError where the backend cannot work here: names what is missing, and the line that gets it.

        A served one is asked for an answer at `access.server`; without `access`, only packages are looked at.
        """
        environment = access.environment if access is not None else OWN
        needs = {need.package: need.install for need in self.needs}
        if environment.python is not None:  # what a worker of ours needs is installed with benchtui
            needs = {**WORKER_NEEDS, **needs}
        check_packages(environment, needs, f"The {self.name} backend")

    def server(self, access: Access) -> str | None:
        """Return the URL of the server that is asked: the one that was named, else where a backend looks by itself;
        None where it has to be named. Raises UsageError for what is no address."""
        return access.server

    def find(self, outputs: Path, selector: str | None, access: Access) -> TrainedModel:
        """Find the model that the user named: a name in `outputs`, a path, a hub id, or what the server calls it; None
        for the newest. Raises UsageError with the nearest names when there is none."""
        from benchtui.models.selection import find_model

        del access
        return find_model(outputs, selector, self)

    def list_models(self, outputs: Path, access: Access) -> list[TrainedModel]:
        """List the models of a server, [] where the backend has none: models in `outputs` are found without it.

        Raises BenchtuiError where the server does not answer.
        """
        del outputs, access
        return []

    def served_facts(self, model: TrainedModel | None, access: Access) -> dict[str, str]:
        """Return what a list may say of the server's models beside their sizes, by their names there, such as a digest
        and which files of `model` they are. It may read files through.

        Raises BenchtuiError where the server does not answer.
        """
        del model, access
        return {}

    def describe(self, location: str, access: Access) -> ModelDescription:
        """Describe a model, by `ModelFormat.location` or as --base names it, before it is loaded.

        Raises BenchtuiError or UsageError naming what is missing, broken, or no model of this backend.
        """
        from benchtui.models.describe import describe

        return describe(location, offline=access.offline, allow_pickle=access.pickle)

    def source(
        self, form: ModelFormat | None, own: ModelDescription, base: ModelDescription | None, access: Access
    ) -> Source:
        """Return where a plan's weights come from. `form` is the format that was chosen, None for a base; `base` is
        given when the model cannot be loaded without it: an adapter, or weights without a tokenizer.

        Raises UsageError for an adapter where the backend puts none on a base: a checkpoint or a hub model may be one.
        """
        from benchtui.backends.hugging_face import source_of

        del access
        if own.adapter and not self.gives.adapters:
            raise UsageError(
                f"{one_line(own.name, 300)} is an adapter; the {self.name} backend loads whole models.",
                "Merge it into its base first (merge_and_unload, then save_pretrained), or use --backend hf.",
            )
        return source_of(form, own, base)

    def identify(self, source: Source, access: Access) -> str:
        """Return the identity that `source` has now, where its content may have changed since the plan was made."""
        from benchtui.backends.hugging_face import present_identity

        return present_identity(source, access)

    def identity(self, access: Access) -> dict[str, str]:
        """Return what of the backend can change a score, by the names used in messages: versions of its packages."""
        return {need.package: access.environment.version_of(need.package) or "" for need in self.needs}

    def advise(
        self, model: ModelDescription, machine: Machine, *, max_length: int | None, settings: Mapping[str, str]
    ) -> BatchAdvice | None:
        """Return how many sequences to ask of `model` at once; None where only the loaded model can tell.

        `max_length` is the longest sequence in tokens (None: the model's), `settings` the backend's own.
        """
        del model, machine, max_length, settings
        return None

    def memory_note(
        self, model: ModelDescription, access: Access, device: str, dtype: str, max_length: int | None
    ) -> str:
        """Return one line on what `model` takes in memory, as far as that is known and worth telling before it is
        loaded; "" for nothing. Raises BenchtuiError where less is free."""
        del model, access, device, dtype, max_length
        return ""

    def loaded_bytes(self, model: ModelDescription, base: ModelDescription | None, device: str, dtype: str) -> int:
        """Return what the weights of a worker take in memory that evaluates `model` and then `base`, in bytes: the
        larger of both, or an adapter's beside those it is put on; 0 where it is not known, or taken by somebody else.
        """
        sizes = [self.weights_in_memory(one, device, dtype) for one in (model, base) if one is not None]
        return 0 if self.served else sum(sizes) if model.adapter else max(sizes)

    def weights_in_memory(self, model: ModelDescription, device: str, dtype: str) -> int:
        """Return the bytes of the weights of one description once they are loaded: those of its files, unless the
        backend gives them another precision."""
        del device, dtype
        return model.weight_bytes

    def is_harmless(self, argument: str, value: Any) -> bool:
        """Return whether a model argument can load no file and no code."""
        return argument in self.harmless_arguments and not isinstance(value, dict | list)

    def setting(self, settings: Mapping[str, str], name: str) -> str:
        """Return the value of one of its own settings, the default where `settings` do not say it."""
        return settings.get(name, next(own.default for own in self.settings if own.name == name))

    def can(self, ability: Ability) -> bool:
        """Return whether its models give what a task needs, as far as that is known without one of them."""
        return self.gives.can(ability)

    def gives_of(self, model: ModelDescription, access: Access) -> Gives:
        """Return what this model gives: of a server, what it has proved to give. Raises BenchtuiError where the server
        does not answer."""
        del model, access
        return self.gives
