using System.Text;
using System.Text.Json;
using Capbox.Config;

namespace Capbox.Control;

/// <summary>One request: its members are asked for by name, then <see cref="Done"/> refuses everything that was wrong or not asked for.</summary>
internal sealed class ControlRequest
{
    private readonly ConfigErrors _errors = new();
    private readonly JsonNodeReader _node;

    public ControlRequest(JsonElement element)
    {
        _node = new JsonNodeReader(element, "$", _errors);
        Command = _node.Text("command", required: true) ?? "";
    }

    /// <summary>A request whose command is told elsewhere, as by a topic.</summary>
    public ControlRequest(string command, JsonElement element)
    {
        _node = new JsonNodeReader(element, "$", _errors);
        Command = command;
    }

    /// <summary>Empty if the request is no object or names none; <see cref="Done"/> says so.</summary>
    public string Command { get; }

    /// <summary>A member that is a string of one line, or null.</summary>
    public string? Text(string key, int maxLength)
    {
        string? text = _node.Text(key);
        if (text is null || (text.Length <= maxLength && !text.Any(char.IsControl)))
            return text;
        _node.Error(key, $"at most {maxLength} characters, none of them a control character");
        return null;
    }

    /// <summary>A member that is a whole number in a range, or what it is when it is not there.</summary>
    public long Number(string key, long fallback, long min, long max) => _node.Number(key, fallback, min, max);

    /// <summary>A member that is an object, as UTF-8; <see cref="Done"/> refuses its lack.</summary>
    public ReadOnlyMemory<byte> Document(string key) => _node.Raw(key) is { } text ? Encoding.UTF8.GetBytes(text) : default;

    /// <summary>Before anything is done.</summary>
    /// <exception cref="ControlException">The first thing that is wrong.</exception>
    public void Done()
    {
        if (_errors.Count == 0)
            _node.Finish();
        if (_errors.Count > 0)
            throw new ControlException(_errors.All[0].ToString());
    }
}
