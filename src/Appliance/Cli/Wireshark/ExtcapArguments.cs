// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

namespace Capbox.Cli;

/// <summary>
/// What Wireshark calls an extcap program with (extcap(4), "The extcap interface" in Wireshark's Developer's Guide). Options that a later Wireshark may add are passed over: it
/// gives them to every program, whether the program knows them or not.
/// </summary>
internal sealed record ExtcapArguments
{
    /// <summary>List the interfaces.</summary>
    public bool Interfaces { get; private init; }

    /// <summary>The interface that the call is about.</summary>
    public string? Interface { get; private init; }

    /// <summary>Tell the interface's link types.</summary>
    public bool LinkTypes { get; private init; }

    /// <summary>Tell the interface's options.</summary>
    public bool Config { get; private init; }

    /// <summary>Capture into <see cref="Fifo"/>.</summary>
    public bool Capture { get; private init; }

    /// <summary>A pipe that Wireshark made.</summary>
    public string? Fifo { get; private init; }

    /// <summary>The capture filter; without <see cref="Capture"/> it is to be checked. Null: none was given.</summary>
    public string? CaptureFilter { get; private init; }

    /// <summary>Options of our interfaces, by name without dashes.</summary>
    public IReadOnlyDictionary<string, string> Own { get; private init; } = new Dictionary<string, string>();

    /// <summary>Names of the options that our interfaces have.</summary>
    public const string Archive = "archive", From = "from", To = "to", Ports = "ports", Filter = "filter", Window = "window";
    private static readonly string[] s_own = [Archive, From, To, Ports, Filter, Window];

    /// <exception cref="FormatException">An option lacks its value; the message is one line.</exception>
    public static ExtcapArguments Parse(IReadOnlyList<string> args)
    {
        var parsed = new ExtcapArguments();
        var own = new Dictionary<string, string>(StringComparer.Ordinal);
        for (int i = 0; i < args.Count; i++)
        {
            (string name, string? value) = Split(args[i]);
            string Value() => value ?? (++i < args.Count ? args[i] : throw new FormatException($"{name}: a value is missing"));
            if (name.StartsWith("--", StringComparison.Ordinal) && s_own.Contains(name[2..], StringComparer.Ordinal))
                own[name[2..]] = Value();
            else
                parsed = parsed.With(name, Value);
        }

        return parsed with { Own = own };
    }

    private ExtcapArguments With(string name, Func<string> value) => name switch
    {
        "--extcap-interfaces" => this with { Interfaces = true },
        "--extcap-interface" => this with { Interface = value() },
        "--extcap-dlts" => this with { LinkTypes = true },
        "--extcap-config" => this with { Config = true },
        "--capture" => this with { Capture = true },
        "--fifo" => this with { Fifo = value() },
        "--extcap-capture-filter" => this with { CaptureFilter = value() },
        _ => this, // --extcap-version tells Wireshark's own; what it says changes nothing here
    };

    private static (string Name, string? Value) Split(string text)
    {
        int at = text.StartsWith("--", StringComparison.Ordinal) ? text.IndexOf('=', StringComparison.Ordinal) : -1;
        return at < 0 ? (text, null) : (text[..at], text[(at + 1)..]);
    }
}
