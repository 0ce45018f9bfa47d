package main

import (
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine"
	"github.com/flashlua/flashlua/engine/input"
)

// maxSecretFile is how many bytes a file of file:PATH may have.
const maxSecretFile = 64 << 10

// isSecretRef reports whether a value of the command line says where a secret is: env:NAME or file:PATH.
func isSecretRef(value string) bool {
	return strings.HasPrefix(value, "env:") || strings.HasPrefix(value, "file:")
}

// readSecret returns the secret that a value of the command line names, env:NAME or file:PATH, without the line end
// of the file. It returns any other value unchanged.
func (env Env) readSecret(value string) (string, error) {
	if env.remote != nil {
		if secret, ok := env.remote.request.Secrets[value]; ok {
			return secret, nil
		}
	}
	scheme, from, _ := strings.Cut(value, ":")
	if !isSecretRef(value) {
		return value, nil
	}
	if from == "" {
		return "", classify.New(classify.Usage, "%s names no secret: write env:NAME or file:PATH", value)
	}
	secret := ""
	if scheme == "env" {
		if secret = env.Getenv(from); secret == "" {
			return "", classify.New(classify.Usage, "the environment variable %s is not set, or empty", from)
		}
		return secret, nil
	}
	text, err := input.Read(from, maxSecretFile)
	if err != nil {
		return "", classify.Wrap(err, classify.Usage, "the secret cannot be read")
	}
	secret = strings.TrimSuffix(strings.TrimSuffix(string(text), "\n"), "\r")
	if secret == "" {
		return "", classify.New(classify.Usage, "the file %s is empty", from)
	}
	return secret, nil
}

// readArguments reads --arg NAME=VALUE into the job. A value env:NAME or file:PATH stands for a secret.
func (env Env) readArguments(c *cli.Context, j *engine.Job) error {
	args, err := parsePairs("--arg", "NAME", c.Generic("arg").(*repeated))
	if err != nil {
		return err
	}
	var all []error
	for _, name := range slices.Sorted(maps.Keys(args)) {
		if !isSecretRef(args[name]) {
			continue
		}
		secret, err := env.readSecret(args[name])
		if err != nil {
			all = append(all, classify.New(classify.Usage, "--arg %s: %v", name, err))
		}
		args[name] = secret
		j.SecretArgs = append(j.SecretArgs, name)
	}
	j.Args = args
	return errors.Join(all...)
}
