"""A backend without a model, which is all that it takes to add one: this folder, and one line in entry_points.txt."""

from benchtui.backends.backend import Backend, Gives

ECHO = Backend(
    name="echo",
    title="no model at all",
    takes=("merged_16bit", "full"),
    gives=Gives(generate=True, loglikelihood=True),
    answering="echo_answering",
)
