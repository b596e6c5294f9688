// Tall blocks of vectors: the few verbs that eigensolvers are written in.
//
// Rows are cut into chunks of fixed length; sums over chunks are added in their order, so results do
// not depend on the number of threads. Columns are contiguous, leading dimension n.
#pragma once
#include <Eigen/Dense>
#include <cmath>

#include "core/parallel.hpp"

namespace mehler {

using Matrix = Eigen::MatrixXd;
using Block = Eigen::Map<Eigen::MatrixXd>;
using ConstBlock = Eigen::Map<const Eigen::MatrixXd>;

class Tall {
 public:
  static constexpr Index chunk = 512;
  Tall(Index n, int threads, Monitor& monitor) : n_(n), threads_(threads), monitor_(monitor) {}

  // H = Q^t W,  Q (n, k), W (n, b)
  Matrix inner(const double* Q, Index k, const double* W, Index b) const {
    const Index chunks = (n_ + chunk - 1) / chunk;
    std::vector<Matrix> parts(static_cast<std::size_t>(chunks));
    parallel_for(chunks, threads_, monitor_, [&](Index c) {
      Matrix& H = parts[static_cast<std::size_t>(c)];
      H.resize(k, b);
      const Index at = c * chunk, rows = std::min(chunk, n_ - at);
      for (Index j = 0; j < k; ++j) {
        const Eigen::Map<const Eigen::VectorXd> q(Q + j * n_ + at, rows);
        for (Index i = 0; i < b; ++i)
          H(j, i) = q.dot(Eigen::Map<const Eigen::VectorXd>(W + i * n_ + at, rows));
      }
    });
    Matrix H = Matrix::Zero(k, b);
    for (const Matrix& part : parts) H += part;
    return H;
  }

  // W += Q H
  void add(const double* Q, Index k, const Matrix& H, double* W) const {
    parallel_for((n_ + chunk - 1) / chunk, threads_, monitor_, [&](Index c) {
      const Index at = c * chunk, rows = std::min(chunk, n_ - at);
      for (Index j = 0; j < k; ++j) {
        const Eigen::Map<const Eigen::VectorXd> q(Q + j * n_ + at, rows);
        for (Index i = 0; i < H.cols(); ++i)
          Eigen::Map<Eigen::VectorXd>(W + i * n_ + at, rows) += H(j, i) * q;
      }
    });
  }

  double norm(const double* w) const { return std::sqrt(inner(w, 1, w, 1)(0, 0)); }
  void scale(double* w, double factor) const { Eigen::Map<Eigen::VectorXd>(w, n_) *= factor; }

 private:
  Index n_;
  int threads_;
  Monitor& monitor_;
};

// Entry (i, column) of a Gaussian matrix that belongs to a seed: splitmix64 of the index, Box-Muller.
class Gaussian {
 public:
  explicit Gaussian(std::uint64_t seed) : seed_(seed) {}
  double operator()(Index i, Index column) const {
    const std::uint64_t key = seed_ ^ mix(static_cast<std::uint64_t>(column) + 0x9e3779b97f4a7c15ULL);
    const double u = uniform(key + 2 * static_cast<std::uint64_t>(i));
    const double v = uniform(key + 2 * static_cast<std::uint64_t>(i) + 1);
    return std::sqrt(-2.0 * std::log(u)) * std::cos(6.283185307179586 * v);
  }

 private:
  static std::uint64_t mix(std::uint64_t z) {
    z += 0x9e3779b97f4a7c15ULL;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
  }
  static double uniform(std::uint64_t key) { return (static_cast<double>(mix(key) >> 11) + 0.5) * 0x1p-53; }
  std::uint64_t seed_;
};

}  // namespace mehler
