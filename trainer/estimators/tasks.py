"""Who is told of each epoch: the functions in `callbacks`, and scikit-learn's own callbacks (from 1.9 on)."""

from __future__ import annotations

import copy
from typing import Any

try:
    from sklearn.callback import CallbackSupportMixin, with_callbacks
except ModuleNotFoundError:  # an older scikit-learn

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Stands for what an older scikit-learn does not have."""

    def with_callbacks(method: Any) -> Any:
        """Return the method as it is."""
        return method


__all__ = ["CallbackSupportMixin", "FitTasks", "with_callbacks"]


class FitTasks:
    """A fit and its epochs as scikit-learn's callbacks see them; an iteration of L-BFGS counts as an epoch.

    Parameters
    ----------
    estimator : BaseMLP
    X, y, sample_weight : what is fitted, as the user gave it
    """

    def __init__(self, estimator: Any, X: Any, y: Any, sample_weight: Any) -> None:
        self._told = bool(getattr(estimator, "_skl_callbacks", ()))
        self.any = self._told or bool(estimator.callbacks)
        self._estimator = estimator
        metadata = {} if sample_weight is None else {"sample_weight": sample_weight}
        self._of_fit = {"estimator": estimator, "X": X, "y": y, "metadata": metadata}
        if self._told:
            self._fit = estimator._init_callback_context(max_subtasks=estimator.max_iter)
            self._fit.call_on_fit_task_begin(**self._of_fit)

    def begin_epoch(self) -> None:
        """Tell that an epoch begins."""
        if self._told:
            self._epoch = self._fit.subcontext(task_name="epoch")
            self._epoch.call_on_fit_task_begin(**self._of_fit)

    def end_epoch(self) -> bool:
        """Tell that it has ended; return whether anybody asks to stop."""
        estimator = self._estimator
        asked = [callback(estimator, estimator.n_iter_ - 1) for callback in estimator.callbacks]
        if not self._told:
            return any(asked)
        return any(asked) | bool(
            self._epoch.call_on_fit_task_end(**self._of_fit, reconstruction_attributes=self._fitted_so_far)
        )

    def end(self) -> None:
        """Tell that the fit has ended."""
        if self._told:
            self._fit.call_on_fit_task_end(**self._of_fit, reconstruction_attributes={})

    def _fitted_so_far(self) -> dict[str, Any]:
        """Return what makes another estimator one that was fitted up to here."""
        own = self._estimator.get_params(deep=False)
        state = {name: value for name, value in vars(self._estimator).items() if name not in own}
        left_out = {name for name in state if "callback" in name}
        return {name: copy.deepcopy(value) for name, value in state.items() if name not in left_out}
