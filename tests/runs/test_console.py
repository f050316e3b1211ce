"""What a person at a terminal sees of a training."""

from recsys.runs.console import TrainingProgress, console
from recsys.training.fit import TrainingState


def test_the_star_is_for_the_best_of_all_epochs_also_where_training_goes_on():
    before = TrainingState(best_value=0.5)
    lines = []
    with TrainingProgress(4, "ndcg@10") as shown:
        for epoch, value in ((2, 0.4), (3, 0.6)):
            with console.capture() as said:
                shown.step_ended(before, steps_per_epoch=1)
                shown.epoch_ended(epoch, {"loss": 1.0, "ndcg@10": value, "train_seconds": 1.0})
            lines.append(said.get())
    assert "0.4000  1.0 s" in lines[0]
    assert "0.6000 *  1.0 s" in lines[1]
