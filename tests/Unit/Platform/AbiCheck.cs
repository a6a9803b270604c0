using System.Diagnostics;
using System.Globalization;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Xunit;

namespace Capbox.Tests;

/// <summary>
/// Compares the structs and numbers that a namespace mirrors with the C headers of this machine: a program of tests/abi is compiled, run, and compared by name. A struct, field or constant that it
/// does not print is wrong, and so is a line without a mirror.
/// </summary>
/// <param name="sources">Paths of the C programs.</param>
/// <param name="space">Namespace of the mirrors, in the assembly of <paramref name="member"/>.</param>
/// <param name="member">Any type of that assembly.</param>
/// <param name="others">Types outside of the namespace that have constants of the kernel, too.</param>
/// <param name="isKernelNumber">Which of their constants are.</param>
/// <param name="ownChoices">Constants that no header defines: sizes and bounds of our own choice.</param>
internal sealed class AbiCheck(string[] sources, string space, Type member, Type[] others, Func<FieldInfo, bool> isKernelNumber, HashSet<string> ownChoices)
{
    private const BindingFlags Everything = BindingFlags.Static | BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly;

    private readonly Lazy<Dictionary<string, long>> _headers = new(() => sources.SelectMany(Read).Distinct().ToDictionary());

    public void Structs()
    {
        Type[] structs = [.. NativeTypes().Where(IsMirror)];
        Assert.NotEmpty(structs);
        Compare(structs.SelectMany(Layout));
    }

    public void Numbers() => Compare(Constants().Where(pair => !ownChoices.Contains(pair.Name)));

    public void NothingWithoutMirror()
    {
        HashSet<string> mirrored = [.. NativeTypes().Where(IsMirror).SelectMany(Layout).Concat(Constants()).Select(pair => pair.Name)];
        Assert.Equal([], _headers.Value.Keys.Except(mirrored));
        Assert.Equal([], ownChoices.Except(mirrored));
    }

    /// <summary>A struct that the kernel fills is never readonly: a readonly one is an answer of ours.</summary>
    private static bool IsMirror(Type type) => type is { IsValueType: true, IsEnum: false } && !type.IsDefined(typeof(IsReadOnlyAttribute));

    private static IEnumerable<(string Name, long Value)> Layout(Type type)
    {
        yield return ($"{type.Name}.size", SizeOf(type));
        // The element of an inline array is no member; the array's size tells all.
        if (type.IsDefined(typeof(InlineArrayAttribute)))
            yield break;
        foreach (FieldInfo field in type.GetFields(BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic))
        {
            Assert.True(field.IsPublic, $"{type.Name} has a field of its own, {field.Name}");
            yield return ($"{type.Name}.{field.Name}", Marshal.OffsetOf(type, field.Name));
            yield return ($"{type.Name}.{field.Name}.size", SizeOf(field.FieldType));
        }
    }

    private static long SizeOf(Type type) => type.IsPointer
        ? nint.Size
        : (int)typeof(Unsafe).GetMethod(nameof(Unsafe.SizeOf))!.MakeGenericMethod(type).Invoke(null, null)!;

    private static long ToInt64(object value) => value is nuint word ? (long)word : Convert.ToInt64(value, CultureInfo.InvariantCulture);

    private static Dictionary<string, long> Read(string source)
    {
        string program = Path.Combine(Path.GetTempPath(), $"capbox-abi-{Environment.ProcessId}");
        try
        {
            Run("cc", "-Wall", "-Werror", "-o", program, source);
            return Run(program).Split('\n', StringSplitOptions.RemoveEmptyEntries)
                .Select(line => line.Split(' '))
                .ToDictionary(parts => parts[0], parts => long.Parse(parts[1], CultureInfo.InvariantCulture));
        }
        finally
        {
            File.Delete(program);
        }
    }

    private static string Run(string program, params string[] arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true })!;
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, $"{program} {string.Join(' ', arguments)}: exit code {process.ExitCode}");
        return output;
    }

    private IEnumerable<Type> NativeTypes() => member.Assembly.GetTypes().Where(type => type.Namespace == space && !type.IsDefined(typeof(CompilerGeneratedAttribute)));

    private IEnumerable<(string Name, long Value)> Constants() =>
        from type in NativeTypes().Concat(others)
        from field in type.GetFields(Everything)
        where field.IsLiteral && field.FieldType != typeof(string) && (!others.Contains(type) || isKernelNumber(field))
        select ($"{type.Name}.{field.Name}", ToInt64(field.GetRawConstantValue()!));

    private void Compare(IEnumerable<(string Name, long Value)> mirrors)
    {
        List<string> wrong = [];
        foreach ((string name, long value) in mirrors)
        {
            if (!_headers.Value.TryGetValue(name, out long expected))
                wrong.Add($"{name} is not printed by {string.Join(" or ", sources)}");
            else if (value != expected)
                wrong.Add($"{name} is {value}, the headers say {expected}");
        }

        Assert.True(wrong.Count == 0, string.Join('\n', wrong));
    }
}
