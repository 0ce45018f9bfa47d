package uboot

import (
	"slices"
	"strings"
)

// splitChain cuts a line for U-Boot's shell at each `;`, so that the exit code of every command counts: that of the
// line is the last command's. A line with an if, a for or a loop stays whole.
func splitChain(line string) []string {
	var parts []string
	start, quote := 0, byte(0)
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case c == '#' && quote == 0 && (i == 0 || strings.IndexByte(" \t;", line[i-1]) >= 0): // a comment
			line = line[:i]
		case c == '\\':
			i++
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '\'' || c == '"':
			quote = c
		case c == ';':
			parts, start = append(parts, line[start:i]), i+1
		}
	}
	parts = append(parts, line[start:])
	var commands []string
	for _, p := range parts {
		if p = strings.TrimSpace(p); p != "" {
			commands = append(commands, p)
		}
	}
	if slices.ContainsFunc(commands, isCompound) {
		return []string{line}
	}
	return commands
}

// isCompound reports whether a command begins with a word that needs others in further commands.
func isCompound(command string) bool {
	word, _, _ := strings.Cut(command, " ")
	return slices.Contains([]string{"if", "then", "elif", "else", "fi", "for", "while", "until", "do", "done"}, word)
}
