// The only crossing between NumPy arrays and the core, and between Python and long work.
//
// The Python layer has checked dtype, order and shape; here a mismatch is a programming error and
// is refused, never converted.
#pragma once
#include <pybind11/functional.h>
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <memory>
#include <optional>

#include "core/monitor.hpp"

namespace mehler {

namespace py = pybind11;
using Array = py::array_t<double>;

inline const double* rows(const py::array& a, int ndim, const char* name) {
    if (!py::isinstance<py::array_t<double>>(a) || a.ndim() != ndim ||
        !(a.flags() & py::array::c_style))
        throw py::type_error(std::string(name) + " must be a C-contiguous float64 array of " +
                             std::to_string(ndim) + " dimensions");
    return static_cast<const double*>(a.data());
}

// (n, b) in Python, C order or Fortran order, becomes (n, b) column-major here.
inline Array column_major(Index n, Index b) {
    return Array({n, b},
                 {static_cast<Index>(sizeof(double)), n * static_cast<Index>(sizeof(double))});
}

// A monitor that polls signals and, if given, calls ask(phase, done, total, value, residual) ->
// stop? An exception there stops the work; `finish` raises it once the workers are home.
class PythonMonitor {
public:
    explicit PythonMonitor(py::object ask)
        : ask_(std::move(ask)), monitor([this](const Progress& p) { return poll(p); }) {}

    // Runs work without the GIL; an interruption comes back as the exception that caused it.
    template <class Work>
    void run(const Work& work) {
        try {
            py::gil_scoped_release release;
            work(monitor);
        } catch (const Interrupted&) {
            raise();
            throw;
        }
        raise();
    }
    // As run, but Ctrl-C is an answer ("interrupt"), not an error: what is known is returned.
    template <class Work>
    bool run_partial(const Work& work) {
        try {
            py::gil_scoped_release release;
            work(monitor);
        } catch (const Interrupted&) {
        }
        if (failure_ && failure_->matches(PyExc_KeyboardInterrupt)) {
            failure_.reset();
            return true;
        }
        raise();
        return monitor.interrupted();
    }

private:
    void raise() {
        if (!failure_)
            return;
        const py::error_already_set error = *failure_;
        failure_.reset();
        throw py::error_already_set(error);
    }
    bool poll(const Progress& p) {
        py::gil_scoped_acquire acquire;
        try {
            if (PyErr_CheckSignals() != 0)
                throw py::error_already_set();
            if (!ask_.is_none())
                return py::cast<bool>(ask_(p.phase, p.done, p.total, p.value, p.residual));
        } catch (py::error_already_set& error) {
            failure_ = std::make_unique<py::error_already_set>(error);
            return true;
        }
        return false;
    }

    py::object ask_;
    std::unique_ptr<py::error_already_set> failure_;

public:
    Monitor monitor;
};

} // namespace mehler
