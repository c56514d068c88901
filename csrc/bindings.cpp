// The Python module nst_engine.kernels._native: checks, the GIL, and nothing that computes.
// nst_engine/kernels checks the arguments first, with messages for people; what is refused here is
// a mistake in that code, and must not become a read or write outside of an array.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <array>
#include <cmath>
#include <cstdint>
#include <optional>
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

// The bytes that an array's elements may lie in, whatever the signs of its strides.
struct Extent {
  std::uintptr_t begin;
  std::uintptr_t end;
};

Extent extent_of(const py::array& array) {
  auto begin = reinterpret_cast<std::uintptr_t>(array.data());
  std::uintptr_t end = begin + static_cast<std::size_t>(array.itemsize());
  for (py::ssize_t axis = 0; axis < array.ndim(); ++axis) {
    const py::ssize_t reach = (array.shape(axis) - 1) * array.strides(axis);
    (reach < 0 ? begin : end) += static_cast<std::uintptr_t>(reach);
  }
  return {begin, end};
}

void require_apart(const py::array& a, const py::array& b) {
  const Extent first = extent_of(a);
  const Extent second = extent_of(b);
  require(first.end <= second.begin || second.end <= first.begin, "input and output overlap");
}

// uint8 H x W x 3 with whole pixels side by side; rows lie where they like.
void require_pixels(const py::array& image, const char* name) {
  const auto refuse = [&](const char* what) {
    throw std::invalid_argument(std::string(name) + ": " + what);
  };
  if (!py::isinstance<py::array_t<std::uint8_t>>(image)) refuse("wrong dtype");
  if (image.ndim() != 3 || image.shape(2) != 3) refuse("not H x W x 3");
  if (image.size() == 0) refuse("empty");
  if (image.strides(2) != 1) refuse("the bytes of a pixel are apart");
  if (image.shape(1) > 1 && image.strides(1) != 3) refuse("the pixels of a row are apart");
}

// float32, or half precision (which NumPy has, and C++ has not).
bool is_half(const py::array& tensor) {
  const py::dtype dtype = tensor.dtype();
  return dtype.kind() == 'f' && dtype.itemsize() == 2 && dtype.is(py::dtype("float16"));
}

void require_tensor(const py::array& tensor) {
  require(is_half(tensor) || py::isinstance<py::array_t<float>>(tensor), "tensor: wrong dtype");
  require(tensor.ndim() == 4 && tensor.shape(0) == 1 && tensor.shape(1) == 3,
          "tensor: not 1 x 3 planes");
  require(tensor.size() > 0, "tensor: empty");
  constexpr int kWanted = py::array::c_style | py::detail::npy_api::NPY_ARRAY_ALIGNED_;
  require((tensor.flags() & kWanted) == kWanted, "tensor: not C-contiguous and aligned");
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
                 double denominator, const std::optional<py::array>& weights, py::ssize_t threads) {
  const float* from = input_of<float>(features, 4, "features");
  float* to = output_of<float>(gram, 3, "gram");
  require_apart(features, gram);
  const std::size_t batch = size_of(features, 0);
  const std::size_t channels = size_of(features, 1);
  const std::size_t pixels = size_of(features, 2) * size_of(features, 3);
  require(size_of(gram, 0) == batch && size_of(gram, 1) == channels && size_of(gram, 2) == channels,
          "gram: wrong shape");
  const float* by = weights ? input_of<float>(*weights, 3, "weights") : nullptr;
  if (weights) {
    require(size_of(*weights, 0) == batch && size_of(*weights, 1) == size_of(features, 2) &&
                size_of(*weights, 2) == size_of(features, 3),
            "weights: wrong shape");
    require_apart(*weights, gram);
  }
  require(std::isfinite(denominator) && denominator > 0, "denominator: not above 0");
  const std::size_t workers = thread_count(threads);
  const py::gil_scoped_release release;
  nst::gram_matrix(*kernels.gram, {from, by, batch, channels, pixels, denominator, to}, workers);
}

void normalize(const nst::KernelSet& kernels, const py::array& image, py::array& tensor,
               std::array<float, 3> multiplier, std::array<float, 3> offset, bool swap_rb,
               py::ssize_t threads) {
  require_pixels(image, "image");
  require_tensor(tensor);
  require(tensor.writeable(), "tensor: not writeable");
  require_apart(image, tensor);
  require(size_of(tensor, 2) >= size_of(image, 0) && size_of(tensor, 3) >= size_of(image, 1),
          "tensor: smaller than the image");
  const auto& order = swap_rb ? kSwappedOrder : kSameOrder;
  const nst::NormalizeImage job = {static_cast<const std::uint8_t*>(image.data()),
                                   image.strides(0),
                                   size_of(image, 0),
                                   size_of(image, 1),
                                   tensor.mutable_data(),
                                   is_half(tensor),
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
                 float scale, bool swap_rb, const std::optional<py::array>& photo, float strength,
                 bool half_up, py::ssize_t threads) {
  require_tensor(tensor);
  require_pixels(image, "image");
  require(image.writeable(), "image: not writeable");
  require_apart(tensor, image);
  require(size_of(image, 0) <= size_of(tensor, 2) && size_of(image, 1) <= size_of(tensor, 3),
          "image: larger than the tensor");
  require(image.shape(0) == 1 || image.strides(0) != 0, "image: its rows are one");
  if (photo) {
    require_pixels(*photo, "photo");
    require(photo->shape(0) == image.shape(0) && photo->shape(1) == image.shape(1),
            "photo: of another size than the image");
    const bool in_place = photo->data() == image.data() && photo->strides(0) == image.strides(0);
    if (!in_place) require_apart(*photo, image);
    require(strength >= 0 && strength <= 1, "strength: not within 0 and 1");
  }
  const auto& order = swap_rb ? kSwappedOrder : kSameOrder;
  const nst::DenormalizeTensor job = {
      tensor.data(),
      is_half(tensor),
      size_of(tensor, 2),
      size_of(tensor, 3),
      static_cast<std::uint8_t*>(image.mutable_data()),
      image.strides(0),
      size_of(image, 0),
      size_of(image, 1),
      {order[0], order[1], order[2]},
      scale,
      photo ? static_cast<const std::uint8_t*>(photo->data()) : nullptr,
      photo ? photo->strides(0) : 0,
      strength,
      half_up};
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
           py::arg("denominator"), py::arg("weights"), py::arg("threads"))
      .def("normalize", &normalize, py::arg("image_hwc"), py::arg("tensor_nchw"), py::kw_only(),
           py::arg("multiplier"), py::arg("offset"), py::arg("swap_rb"), py::arg("threads"))
      .def("denormalize", &denormalize, py::arg("tensor_nchw"), py::arg("image_hwc"),
           py::arg("scale"), py::kw_only(), py::arg("swap_rb"), py::arg("photo"),
           py::arg("strength"), py::arg("half_up"), py::arg("threads"));
  module.def("available", [] { return py::tuple(py::cast(available())); });
  module.def("kernels_of", &nst::kernels_of, py::arg("isa"), kReference);
  module.def("chosen_kernels", &nst::chosen_kernels, kReference);
#ifdef NST_ENGINE_SANITIZE
  module.attr("SANITIZED") = true;
#else
  module.attr("SANITIZED") = false;
#endif
}
