"""A backend that answers at once, for measuring all that is not the model: found by its entry point."""

from benchtui.backends.backend import Backend, Gives

INSTANT = Backend(
    name="instant",
    title="a digest of the prompt",
    takes=("merged_16bit", "full"),
    gives=Gives(generate=True, loglikelihood=True),
    answering="instant_answering",
)
