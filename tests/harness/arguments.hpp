#pragma once

#include <string>
#include <vector>

namespace harness {

// Holds an argv and an environment in the form that main gets.
class Arguments {
 public:
  explicit Arguments(std::vector<std::string> words, std::vector<std::string> variables = {})
      : words_(std::move(words)), variables_(std::move(variables)) {
    for (auto& word : words_) argv_.push_back(word.data());
    for (auto& variable : variables_) environment_.push_back(variable.data());
    argv_.push_back(nullptr);
    environment_.push_back(nullptr);
  }
  Arguments(const Arguments&) = delete;
  Arguments& operator=(const Arguments&) = delete;

  [[nodiscard]] int count() const { return static_cast<int>(words_.size()); }
  [[nodiscard]] char* const* argv() const { return argv_.data(); }
  [[nodiscard]] char* const* environment() const { return environment_.data(); }

 private:
  std::vector<std::string> words_;
  std::vector<std::string> variables_;
  std::vector<char*> argv_;
  std::vector<char*> environment_;
};

}  // namespace harness
