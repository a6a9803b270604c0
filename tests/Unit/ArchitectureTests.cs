// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Reflection;
using System.Reflection.Emit;
using System.Text.RegularExpressions;
using Xunit;

namespace Capbox.Tests;

/// <summary>
/// The rooms of the house and which room may name which. The references of the projects keep the layers (Platform, Ptp, Packets, Appliance); this table keeps the rooms within them. It is the only
/// list: what it does not allow is not allowed.
/// </summary>
public sealed partial class ArchitectureTests
{
    private const BindingFlags Everything = BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly;

    /// <summary>Room: the rooms that it may name, besides itself. A layer stands for all of its rooms.</summary>
    private static readonly Dictionary<string, string[]> s_mayName = new()
    {
        ["Platform.Linux"] = [],
        ["Platform.Time"] = ["Platform.Linux"],
        ["Platform.Json"] = [],
        ["Platform.Nic"] = ["Platform.Linux", "Platform.Time"],
        ["Ptp.Messages"] = ["Platform"],
        ["Ptp.Transport"] = ["Platform"],
        ["Ptp.Engine"] = ["Platform", "Ptp.Messages", "Ptp.Transport"],
        ["Ptp.Servo"] = ["Platform"],
        ["Ptp.Clocks"] = ["Platform"],
        ["Ptp.Daemons"] = ["Platform", "Ptp.Messages", "Ptp.Engine", "Ptp.Servo", "Ptp.Clocks"],
        ["Ptp.Port"] = ["Platform", "Ptp.Messages", "Ptp.Transport", "Ptp.Engine", "Ptp.Servo", "Ptp.Clocks"],
        ["Packets.Pcapng"] = ["Platform"],
        ["Packets.Storage"] = ["Platform", "Packets.Pcapng"],
        ["Packets.Capture"] = ["Platform", "Packets.Pcapng", "Packets.Storage"],
        ["Packets.Extract"] = ["Platform", "Packets.Pcapng"],
        ["Packets.Archive"] = ["Platform", "Packets.Pcapng", "Packets.Storage", "Packets.Extract"],
        ["Packets.Custody"] = ["Platform", "Packets.Pcapng", "Packets.Storage"],
        ["Timing"] = ["Platform", "Ptp", "Packets"],
        ["Config"] = ["Platform", "Ptp", "Packets", "Timing"],
        ["Health"] = ["Platform", "Packets", "Timing"],
        ["Changes"] = ["Platform", "Packets", "Timing", "Config", "Health"],
        ["Commands"] = ["Platform", "Packets", "Timing", "Config", "Health", "Changes"],
        ["LocalSocket"] = ["Platform", "Packets", "Commands"],
        ["Metrics"] = ["Packets", "Timing", "Health"],
        ["Mqtt"] = ["Platform", "Packets", "Timing", "Config", "Health", "Changes", "Commands"],
        ["Fleet"] = ["Platform", "Config", "Health", "Mqtt"],
        ["Box"] = ["Platform", "Packets", "Timing", "Config", "Health", "Changes", "Commands", "LocalSocket", "Metrics", "Mqtt"],
        ["Cli"] = ["Platform", "Ptp", "Packets", "Timing", "Config", "Health", "Changes", "Commands", "LocalSocket", "Mqtt", "Fleet", "Box"],
    };

    private static readonly Dictionary<short, OpCode> s_opcodes = typeof(OpCodes).GetFields().Select(f => (OpCode)f.GetValue(null)!).ToDictionary(o => o.Value);

    private static readonly Assembly[] s_layers = [typeof(Platform.Time.UtcTime).Assembly, typeof(Ptp.Port.PtpPort).Assembly, typeof(Packets.Capture.Recorder).Assembly, typeof(Cli.ExitCode).Assembly];

    private static readonly Lazy<SortedDictionary<string, SortedSet<string>>> s_names = new(() => Merge(FromCode(), FromSources()));

    [Fact]
    public void Every_room_names_only_the_rooms_that_the_table_allows()
    {
        List<string> offences = [];
        foreach ((string room, SortedSet<string> named) in s_names.Value)
        {
            if (!s_mayName.TryGetValue(room, out string[]? allowed))
                offences.Add($"{room} is no room of the table; it names {string.Join(", ", named)}");
            else
                offences.AddRange(named.Where(n => !allowed.Contains(n) && !allowed.Contains(Layer(n))).Select(n => $"{room} names {n}"));
        }

        Assert.True(offences.Count == 0, string.Join('\n', offences));
    }

    [Fact]
    public void The_table_has_no_row_and_no_word_too_many()
    {
        Assert.Equal([], s_mayName.Keys.Except(s_names.Value.Keys));
        List<string> idle = [];
        foreach ((string room, string[] allowed) in s_mayName)
            idle.AddRange(allowed.Where(a => !s_names.Value[room].Any(n => n == a || Layer(n) == a)).Select(a => $"{room} does not name {a}"));
        Assert.True(idle.Count == 0, string.Join('\n', idle));
    }

    [Fact]
    public void No_two_rooms_name_each_other()
    {
        string[] circles = [.. from pair in s_names.Value
                               from named in pair.Value
                               where string.CompareOrdinal(pair.Key, named) < 0 && s_names.Value.TryGetValue(named, out SortedSet<string>? back) && back.Contains(pair.Key)
                               select $"{pair.Key} and {named}"];
        Assert.Equal([], circles);
    }

    [Fact]
    public void A_folder_is_a_namespace()
    {
        foreach ((string file, string text) in Sources())
        {
            if (Declaration().Match(text) is { Success: true } match)
                Assert.Equal(RoomOf(file), Room(match.Groups[1].Value));
        }
    }

    /// <summary>What the compiled code of each room names: bases, signatures, locals, attributes and every token of every body.</summary>
    private static IEnumerable<(string Room, string Named)> FromCode()
    {
        foreach (Type type in s_layers.SelectMany(a => a.GetTypes()))
        {
            if (Room(Outermost(type).Namespace) is not { } room)
                continue;
            foreach (Type used in UsedBy(type).SelectMany(Parts))
            {
                if (s_layers.Contains(used.Assembly) && Room(Outermost(used).Namespace) is { } named && named != room)
                    yield return (room, named);
            }
        }
    }

    /// <summary>What its sources import: a constant that the compiler folds is seen here alone.</summary>
    private static IEnumerable<(string Room, string Named)> FromSources() =>
        from source in Sources()
        let room = RoomOf(source.File)
        where room is not null
        from Match match in Import().Matches(source.Text)
        let named = Room(match.Groups[1].Value)
        where named is not null && named != room
        select (room, named);

    private static SortedDictionary<string, SortedSet<string>> Merge(params IEnumerable<(string Room, string Named)>[] all)
    {
        SortedDictionary<string, SortedSet<string>> names = new(StringComparer.Ordinal);
        foreach ((string file, _) in Sources())
        {
            if (RoomOf(file) is { } room)
                names.TryAdd(room, new SortedSet<string>(StringComparer.Ordinal));
        }

        foreach ((string room, string named) in all.SelectMany(a => a))
            names[room].Add(named);
        return names;
    }

    private static IEnumerable<(string File, string Text)> Sources()
    {
        string root = Path.Combine(Repository.Root, "src");
        return Directory.EnumerateFiles(root, "*.cs", SearchOption.AllDirectories).Where(f => !f.Contains("/obj/", StringComparison.Ordinal) && !f.Contains("/bin/", StringComparison.Ordinal))
            .Select(f => (Path.GetRelativePath(root, f), File.ReadAllText(f)));
    }

    /// <summary>The room of a file: two folders deep, the layer Appliance being left out of the name. Null: no room (Program.cs).</summary>
    private static string? RoomOf(string file)
    {
        string[] parts = file.Split('/');
        return parts.Length < 3 ? null : parts[0] == "Appliance" ? parts[1] : $"{parts[0]}.{parts[1]}";
    }

    private static string? Room(string? space)
    {
        string[] parts = (space ?? "").Split('.');
        return parts.Length < 2 || parts[0] != "Capbox" ? null : parts[1] is "Platform" or "Ptp" or "Packets" ? parts.Length < 3 ? null : $"{parts[1]}.{parts[2]}" : parts[1];
    }

    private static string Layer(string room) => room.Split('.')[0];

    private static Type Outermost(Type type) => type.DeclaringType is { } outer ? Outermost(outer) : type;

    private static IEnumerable<Type> Parts(Type? type) => type is null || type.IsGenericParameter
        ? []
        : type.HasElementType ? Parts(type.GetElementType()) : type.IsGenericType ? [type.GetGenericTypeDefinition(), .. type.GetGenericArguments().SelectMany(Parts)] : [type];

    private static IEnumerable<Type?> UsedBy(Type type) =>
    [
        type.BaseType, .. type.GetInterfaces(), .. type.GetFields(Everything).Select(f => f.FieldType), .. type.GetCustomAttributesData().Select(a => a.AttributeType),
        .. type.GetMethods(Everything).Cast<MethodBase>().Concat(type.GetConstructors(Everything)).SelectMany(UsedBy),
    ];

    private static IEnumerable<Type?> UsedBy(MethodBase method)
    {
        MethodBody? body = method.GetMethodBody();
        return
        [
            .. method.GetParameters().Select(p => p.ParameterType), method is MethodInfo info ? info.ReturnType : null,
            .. body?.LocalVariables.Select(v => v.LocalType) ?? [], .. body?.ExceptionHandlingClauses.Where(c => c.Flags == ExceptionHandlingClauseOptions.Clause).Select(c => c.CatchType) ?? [],
            .. body?.GetILAsByteArray() is { } code ? Tokens(code).SelectMany(t => Resolve(method, t)) : [],
        ];
    }

    private static IEnumerable<Type?> Resolve(MethodBase method, int token)
    {
        Type[] ofType = method.DeclaringType!.IsGenericType ? method.DeclaringType.GetGenericArguments() : [];
        Type[] ofMethod = method.IsGenericMethod ? method.GetGenericArguments() : [];
        return method.Module.ResolveMember(token, ofType, ofMethod) switch
        {
            Type type => [type],
            MethodInfo called => [called.DeclaringType, .. called.IsGenericMethod ? called.GetGenericArguments() : []],
            MemberInfo member => [member.DeclaringType],
            _ => [],
        };
    }

    /// <summary>The tokens of types, fields and methods in a body (ECMA-335, III.1.9).</summary>
    private static IEnumerable<int> Tokens(byte[] code)
    {
        for (int at = 0; at < code.Length;)
        {
            short value = code[at] == 0xFE ? (short)((code[at++] << 8) | code[at++]) : code[at++];
            OperandType operand = s_opcodes[value].OperandType;
            if (operand is OperandType.InlineField or OperandType.InlineMethod or OperandType.InlineType or OperandType.InlineTok)
                yield return BitConverter.ToInt32(code, at);
            at += operand switch
            {
                OperandType.InlineNone => 0,
                OperandType.ShortInlineBrTarget or OperandType.ShortInlineI or OperandType.ShortInlineVar => 1,
                OperandType.InlineVar => 2,
                OperandType.InlineI8 or OperandType.InlineR => 8,
                OperandType.InlineSwitch => 4 + (4 * BitConverter.ToInt32(code, at)),
                _ => 4,
            };
        }
    }

    [GeneratedRegex(@"^using (?:static |\w+ = )?(Capbox[\w.]*)", RegexOptions.Multiline)]
    private static partial Regex Import();

    [GeneratedRegex(@"^namespace (Capbox[\w.]*);", RegexOptions.Multiline)]
    private static partial Regex Declaration();
}
