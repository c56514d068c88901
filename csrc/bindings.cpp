// The Python module nst_engine.kernels._native: checks, the GIL, and nothing that computes.
// nst_engine/kernels checks the arguments first, with messages for people; what is refused here is
// a mistake in that code, and must not become a read or write outside of an array.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <array>
#include <cmath>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include "dispatch.h"
#include "parallel.h"

namespace py = pybind11;

namespace {

constexpr std::array<std::size_t, 3> kSameOrder = {0, 1, 2};
constexpr std::array<std::size_t, 3> kSwappedOrder = {2, 1, 0};

void require(bool condition, const char* message) {
  if (!condition) throw std::invalid_argument(message);
}

template <class T>
void require_array(const py::array& array, py::ssize_t dimensions, const char* name) {
  const auto refuse = [&](const char* what) {
    throw std::invalid_argument(std::string(name) + ": " + what);
  };
  if (!py::isinstance<py::array_t<T>>(array)) refuse("wrong dtype");
  if (array.ndim() != dimensions) refuse("wrong number of axes");
  if (array.size() == 0) refuse("empty");
  constexpr int kWanted = py::array::c_style | py::detail::npy_api::NPY_ARRAY_ALIGNED_;
  if ((array.flags() & kWanted) != kWanted) refuse("not C-contiguous and aligned");
}

template <class T>
const T* input_of(const py::array& array, py::ssize_t dimensions, const char* name) {
  require_array<T>(array, dimensions, name);
  return static_cast<const T*>(array.data());
}

template <class T>
T* output_of(py::array& array, py::ssize_t dimensions, const char* name) {
  require_array<T>(array, dimensions, name);
  if (!array.writeable()) throw std::invalid_argument(std::string(name) + ": not writeable");
  return static_cast<T*>(array.mutable_data());
}

void require_apart(const py::array& a, const py::array& b) {
  const auto begin_a = reinterpret_cast<std::uintptr_t>(a.data());
  const auto begin_b = reinterpret_cast<std::uintptr_t>(b.data());
  require(begin_a + static_cast<std::size_t>(a.nbytes()) <= begin_b ||
              begin_b + static_cast<std::size_t>(b.nbytes()) <= begin_a,
          "input and output overlap");
}

std::size_t thread_count(py::ssize_t threads) {
  require(threads >= 1 && threads <= static_cast<py::ssize_t>(nst::kMostThreads),
          "threads: out of range");
  return static_cast<std::size_t>(threads);
}

std::size_t size_of(const py::array& array, py::ssize_t axis) {
  return static_cast<std::size_t>(array.shape(axis));
}

void gram_matrix(const nst::KernelSet& kernels, const py::array& features, py::array& gram,
                 double denominator, py::ssize_t threads) {
  const float* from = input_of<float>(features, 4, "features");
  float* to = output_of<float>(gram, 3, "gram");
  require_apart(features, gram);
  const std::size_t batch = size_of(features, 0);
  const std::size_t channels = size_of(features, 1);
  const std::size_t pixels = size_of(features, 2) * size_of(features, 3);
  require(size_of(gram, 0) == batch && size_of(gram, 1) == channels && size_of(gram, 2) == channels,
          "gram: wrong shape");
  require(std::isfinite(denominator) && denominator > 0, "denominator: not above 0");
  const std::size_t workers = thread_count(threads);
  const py::gil_scoped_release release;
  nst::gram_matrix(kernels.gram, from, batch, channels, pixels, denominator, to, workers);
}

void normalize(const nst::KernelSet& kernels, const py::array& image, py::array& tensor,
               std::array<float, 3> multiplier, std::array<float, 3> offset, bool swap_rb,
               py::ssize_t threads) {
  const std::uint8_t* from = input_of<std::uint8_t>(image, 3, "image");
  float* to = output_of<float>(tensor, 4, "tensor");
  require_apart(image, tensor);
  require(size_of(image, 2) == 3, "image: not three channels");
  require(size_of(tensor, 0) == 1 && size_of(tensor, 1) == 3, "tensor: not 1 x 3 planes");
  require(size_of(tensor, 2) >= size_of(image, 0) && size_of(tensor, 3) >= size_of(image, 1),
          "tensor: smaller than the image");
  const auto& order = swap_rb ? kSwappedOrder : kSameOrder;
  const nst::NormalizeImage job = {from,
                                   size_of(image, 0),
                                   size_of(image, 1),
                                   to,
                                   size_of(tensor, 2),
                                   size_of(tensor, 3),
                                   {order[0], order[1], order[2]},
                                   {multiplier[0], multiplier[1], multiplier[2]},
                                   {offset[0], offset[1], offset[2]}};
  const std::size_t workers = thread_count(threads);
  const py::gil_scoped_release release;
  nst::normalize(kernels.normalize, job, workers);
}

void denormalize(const nst::KernelSet& kernels, const py::array& tensor, py::array& image,
                 float scale, bool swap_rb, py::ssize_t threads) {
  const float* from = input_of<float>(tensor, 4, "tensor");
  std::uint8_t* to = output_of<std::uint8_t>(image, 3, "image");
  require_apart(tensor, image);
  require(size_of(tensor, 0) == 1 && size_of(tensor, 1) == 3, "tensor: not 1 x 3 planes");
  require(size_of(image, 2) == 3, "image: not three channels");
  require(size_of(image, 0) <= size_of(tensor, 2) && size_of(image, 1) <= size_of(tensor, 3),
          "image: larger than the tensor");
  const auto& order = swap_rb ? kSwappedOrder : kSameOrder;
  const nst::DenormalizeTensor job = {from,
                                      size_of(tensor, 2),
                                      size_of(tensor, 3),
                                      to,
                                      size_of(image, 0),
                                      size_of(image, 1),
                                      {order[0], order[1], order[2]},
                                      scale};
  const std::size_t workers = thread_count(threads);
  const py::gil_scoped_release release;
  nst::denormalize(kernels.denormalize, job, workers);
}

std::vector<std::string> available() {
  std::vector<std::string> names;
  for (const nst::KernelSet* kernels : nst::available_kernels()) names.emplace_back(kernels->isa);
  return names;
}

}  // namespace

PYBIND11_MODULE(_native, module) {
  constexpr auto kReference = py::return_value_policy::reference;  // the table lives for ever
  py::class_<nst::KernelSet>(module, "Kernels")
      .def_property_readonly("isa", [](const nst::KernelSet& kernels) { return kernels.isa; })
      .def("gram_matrix", &gram_matrix, py::arg("features"), py::arg("gram"),
           py::arg("denominator"), py::arg("threads"))
      .def("normalize", &normalize, py::arg("image_hwc"), py::arg("tensor_nchw"), py::kw_only(),
           py::arg("multiplier"), py::arg("offset"), py::arg("swap_rb"), py::arg("threads"))
      .def("denormalize", &denormalize, py::arg("tensor_nchw"), py::arg("image_hwc"),
           py::arg("scale"), py::arg("swap_rb"), py::arg("threads"));
  module.def("available", [] { return py::tuple(py::cast(available())); });
  module.def("kernels_of", &nst::kernels_of, py::arg("isa"), kReference);
  module.def("chosen_kernels", &nst::chosen_kernels, kReference);
#ifdef NST_ENGINE_SANITIZE
  module.attr("SANITIZED") = true;
#else
  module.attr("SANITIZED") = false;
#endif
}
