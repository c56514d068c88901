// A parallel for over std::thread; the number of threads is an argument, never a global.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <system_error>
#include <thread>
#include <vector>

namespace nst {

inline constexpr std::size_t kMostThreads = 1024;

// How many workers parallel_for uses at most: 1 … min(threads, chunks, kMostThreads).
inline std::size_t worker_count(std::size_t count, std::size_t chunk, std::size_t threads) {
  const std::size_t chunks = (count + chunk - 1) / chunk;
  return std::max<std::size_t>(1, std::min({threads, chunks, kMostThreads}));
}

// Calls body(begin, end, worker) for disjoint ranges of `chunk` (the last one: fewer) that
// together make 0 … count, each once, in no promised order. The caller is worker 0; worker numbers
// are below worker_count(...) and one worker runs one range at a time. `body` must not throw.
// Where the system refuses another thread, the ones that did start do all of the work.
template <class Body>
void parallel_for(std::size_t count, std::size_t chunk, std::size_t threads, const Body& body) {
  const std::size_t workers = worker_count(count, chunk, threads);
  std::atomic<std::size_t> next{0};
  const auto work = [&](std::size_t worker) {
    for (;;) {
      const std::size_t begin = next.fetch_add(chunk, std::memory_order_relaxed);
      if (begin >= count) return;
      body(begin, std::min(count, begin + chunk), worker);
    }
  };

  std::vector<std::thread> others;
  others.reserve(workers - 1);
  for (std::size_t worker = 1; worker < workers; ++worker) {
    try {
      others.emplace_back(work, worker);
    } catch (const std::system_error&) {
      break;
    }
  }
  work(0);
  for (std::thread& other : others) other.join();
}

}  // namespace nst
