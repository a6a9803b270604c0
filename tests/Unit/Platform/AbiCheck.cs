// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Diagnostics;
using System.Globalization;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text.RegularExpressions;
using Capbox.Platform.Linux;
using Xunit;

namespace Capbox.Tests;

/// <summary>One number of a mirror, and the C expression that must have the same value.</summary>
internal sealed record AbiNumber(string Mirror, long Value, string Expression);

/// <summary>
/// The mirrors of kernel structs and numbers in an assembly, by their attributes in Platform/Linux/CHeaders.cs. It generates a C program that prints each expression, and runs it.
/// </summary>
internal sealed partial class AbiCheck
{
    private const BindingFlags Everything =
        BindingFlags.Static | BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly;

    private readonly List<string> _headers = [];
    private readonly List<AbiNumber> _numbers = [];
    private readonly List<string> _unexplained = [];

    /// <param name="types">Types of the room of mirrors, and others that have the attributes.</param>
    public AbiCheck(IEnumerable<Type> types)
    {
        foreach (Type type in types)
        {
            if (IsMirror(type))
                AddStruct(type);
            AddConstants(type);
        }
    }

    public IReadOnlyList<AbiNumber> Numbers => _numbers;

    /// <summary>Structs, fields and constants without an origin in C that are not named as a choice of capbox.</summary>
    public IReadOnlyList<string> Unexplained => _unexplained;

    /// <summary>The program: one value a line, in the order of <see cref="Numbers"/>.</summary>
    public string Program()
    {
        // The C library's headers come first: the kernel's know then what not to define again.
        IEnumerable<string> includes = _headers.Distinct().OrderBy(h => h.StartsWith("linux/", StringComparison.Ordinal)).Select(h => h.StartsWith("kmod/", StringComparison.Ordinal) ? $"\"{h}\"" : $"<{h}>");
        return $$"""
            #define _GNU_SOURCE
            #include <stddef.h>
            #include <stdio.h>
            {{string.Join('\n', includes.Select(i => $"#include {i}"))}}

            int main(void)
            {
            {{string.Join('\n', _numbers.Select(n => $"\tprintf(\"%lld\\n\", (long long)({n.Expression})); /* {n.Mirror} */"))}}
            	return 0;
            }

            """;
    }

    /// <summary>The values that the headers of this machine give, in the order of <see cref="Numbers"/>.</summary>
    public long[] Compile(string root)
    {
        string path = Path.Combine(Path.GetTempPath(), $"capbox-abi-{Environment.ProcessId}");
        string source = path + ".c";
        try
        {
            File.WriteAllText(source, Program());
            Run("cc", "-Wall", "-Werror", "-I", root, "-o", path, source);
            return [.. Run(path).Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => long.Parse(line, CultureInfo.InvariantCulture))];
        }
        finally
        {
            File.Delete(path);
            File.Delete(source);
        }
    }

    /// <summary>A struct that the kernel fills is never readonly: a readonly one is a value of capbox.</summary>
    private static bool IsMirror(Type type) => type is { IsValueType: true, IsEnum: false } && !type.IsDefined(typeof(IsReadOnlyAttribute));

    private static string Run(string program, params string[] arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        Task<string> errors = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, $"{program} {string.Join(' ', arguments)}: exit code {process.ExitCode}\n{errors.Result}");
        return output;
    }

    private static string SnakeCase(string name) => WordStart().Replace(name, "_$0").ToLowerInvariant();

    private static long SizeOf(Type type) => type.IsPointer
        ? nint.Size
        : (int)typeof(Unsafe).GetMethod(nameof(Unsafe.SizeOf))!.MakeGenericMethod(type).Invoke(null, null)!;

    private static long ToInt64(object value) => value switch
    {
        nuint word => (long)word,
        nint word => word,
        _ => Convert.ToInt64(value, CultureInfo.InvariantCulture),
    };

    private void AddStruct(Type type)
    {
        if (type.GetCustomAttribute<CStructAttribute>() is not { } origin)
        {
            _unexplained.Add($"struct {type.Name}");
            return;
        }

        _headers.AddRange(origin.Headers);
        _numbers.Add(new($"{type.Name}.size", SizeOf(type), $"sizeof({origin.Type})"));
        // The element of an inline array is no member; the array's size tells all.
        if (type.IsDefined(typeof(InlineArrayAttribute)))
            return;
        foreach (FieldInfo field in type.GetFields(Everything).Where(f => !f.IsStatic))
            AddField(type, field, origin);
    }

    private void AddField(Type type, FieldInfo field, CStructAttribute origin)
    {
        string name = $"{type.Name}.{field.Name}";
        CFieldAttribute? explicitly = field.GetCustomAttribute<CFieldAttribute>();
        string member = explicitly?.Member ?? origin.Prefix + SnakeCase(field.Name);
        string size = $"sizeof((({origin.Type} *)0)->{member})", offset = $"offsetof({origin.Type}, {member})";
        if (!field.IsPublic)
            _unexplained.Add($"field {name}, which is not public");
        else if (explicitly is { IsBehind: true })
            _numbers.Add(new(name, Marshal.OffsetOf(type, field.Name), $"{offset} + {size}"));
        else
            _numbers.AddRange([new(name, Marshal.OffsetOf(type, field.Name), offset), new($"{name}.size", SizeOf(field.FieldType), size)]);
    }

    private void AddConstants(Type type)
    {
        IReadOnlyList<string>? headers = type.GetCustomAttribute<CHeadersAttribute>()?.Headers ?? type.GetCustomAttribute<CStructAttribute>()?.Headers;
        // An enum without headers has words of capbox, not numbers of the kernel.
        if (type.IsEnum && headers is null)
            return;
        _headers.AddRange(headers ?? []);
        foreach (FieldInfo field in type.GetFields(Everything).Where(f => f.IsLiteral && f.FieldType != typeof(string) && !f.IsDefined(typeof(OwnChoiceAttribute))))
        {
            if (headers is null)
                _unexplained.Add($"constant {type.Name}.{field.Name}");
            else
                _numbers.Add(new($"{type.Name}.{field.Name}", ToInt64(field.GetRawConstantValue()!), field.GetCustomAttribute<CConstantAttribute>()?.Expression ?? field.Name));
        }
    }

    [GeneratedRegex("(?<!^)[A-Z]")]
    private static partial Regex WordStart();
}
