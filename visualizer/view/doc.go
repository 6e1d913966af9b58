// Package view turns what is known into what is shown, as far as that is
// neither pixels nor DOM: chips and their groups, bars, numbers, and formulas
// with their operands filled in. Everything is a pure function.
package view
