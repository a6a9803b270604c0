// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Text.Json;
using Capbox.Platform.Json;

namespace Capbox.Commands;

/// <summary>One request: read whole by the command's members before anything is done.</summary>
internal sealed class CommandRequest
{
    private readonly ConfigErrors _errors = new();
    private readonly JsonNodeReader _node;
    private readonly Dictionary<string, object> _values = [];

    /// <param name="element">An object that names its command.</param>
    /// <param name="requester">Who asks.</param>
    public CommandRequest(JsonElement element, string requester = "socket")
    {
        _node = new JsonNodeReader(element, "$", _errors);
        Command = _node.Text("command", required: true) ?? "";
        Requester = requester;
    }

    /// <summary>A request whose command is told elsewhere, as by a topic.</summary>
    public CommandRequest(string command, JsonElement element, string requester)
    {
        _node = new JsonNodeReader(element, "$", _errors);
        (Command, Requester) = (command, requester);
    }

    /// <summary>Empty if the request is no object or names none; <see cref="Read"/> says so.</summary>
    public string Command { get; }

    /// <summary><c>socket:UID</c> or <c>mqtt:NAME</c>, at most 200 characters.</summary>
    public string Requester { get; }

    /// <summary>Reads all members.</summary>
    /// <exception cref="RequestRefusedException">The first thing that is wrong: a member of the wrong kind, a missing one, one that nobody
    /// knows.</exception>
    public void Read(IReadOnlyList<CommandMember> members)
    {
        foreach (CommandMember member in members)
        {
            if (member.Read(_node) is { } value)
                _values[member.Name] = value;
        }

        if (_errors.Count == 0)
            _node.Finish();
        if (_errors.Count > 0)
            throw new RequestRefusedException(_errors.All[0].ToString());
    }

    /// <summary>A string of one line, or null.</summary>
    public string? Text(string name) => (string?)_values.GetValueOrDefault(name);

    /// <summary>A whole number, or null.</summary>
    public long? Number(string name) => (long?)_values.GetValueOrDefault(name);

    public IReadOnlyList<string> Texts(string name) => (IReadOnlyList<string>?)_values.GetValueOrDefault(name) ?? [];

    /// <summary>An object; it lives as long as the document of the request.</summary>
    public JsonElement Document(string name) => (JsonElement)_values[name];
}
