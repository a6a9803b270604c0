using System.Diagnostics;
using System.Globalization;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Capbox.Ptp.Clocks;
using Capbox.Ptp.Native;
using Xunit;

namespace Capbox.Ptp.Tests;

/// <summary>
/// Every struct and every number in Capbox.Ptp.Native against the C headers of this machine: tests/abi/ptp.c is compiled, run, and compared by name. A struct, field or constant that it does
/// not print fails, and so does a line without a mirror.
/// </summary>
public class AbiTests
{
    private const BindingFlags Everything = BindingFlags.Static | BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly;

    /// <summary>Constants that no header defines: bounds of our own choice.</summary>
    private static readonly HashSet<string> OwnChoices = ["InterfaceDevice.MaxFlags"];

    private static readonly Lazy<Dictionary<string, long>> Headers = new(ReadHeaders);

    [Fact]
    public void Every_struct_is_laid_out_as_the_headers_say()
    {
        Type[] structs = [.. NativeTypes().Where(IsMirror)];
        Assert.NotEmpty(structs);
        Compare(structs.SelectMany(Layout));
    }

    [Fact]
    public void Every_number_is_the_headers() => Compare(Constants().Where(pair => !OwnChoices.Contains(pair.Name)));

    [Fact]
    public void Nothing_is_printed_that_has_no_mirror()
    {
        HashSet<string> mirrored = [.. NativeTypes().Where(IsMirror).SelectMany(Layout).Concat(Constants()).Select(pair => pair.Name)];
        Assert.Equal([], Headers.Value.Keys.Except(mirrored));
        Assert.Equal([], OwnChoices.Except(mirrored));
    }

    private static void Compare(IEnumerable<(string Name, long Value)> mirrors)
    {
        List<string> wrong = [];
        foreach ((string name, long value) in mirrors)
        {
            if (!Headers.Value.TryGetValue(name, out long expected))
                wrong.Add($"{name} is not printed by tests/abi/ptp.c");
            else if (value != expected)
                wrong.Add($"{name} is {value}, the headers say {expected}");
        }

        Assert.True(wrong.Count == 0, string.Join('\n', wrong));
    }

    private static IEnumerable<Type> NativeTypes() => typeof(SystemCalls).Assembly.GetTypes()
        .Where(type => type.Namespace == "Capbox.Ptp.Native" && !type.IsDefined(typeof(CompilerGeneratedAttribute)));

    private static bool IsMirror(Type type) => type is { IsValueType: true, IsEnum: false };

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

    private static IEnumerable<(string Name, long Value)> Constants() =>
        from type in NativeTypes().Append(typeof(ReferenceClock))
        from field in type.GetFields(Everything)
        where field.IsLiteral && field.FieldType != typeof(string)
        select ($"{type.Name}.{field.Name}", ToInt64(field.GetRawConstantValue()!));

    private static long ToInt64(object value) => value is nuint word ? (long)word : Convert.ToInt64(value, CultureInfo.InvariantCulture);

    private static Dictionary<string, long> ReadHeaders()
    {
        string program = Path.Combine(Path.GetTempPath(), $"capbox-ptp-abi-{Environment.ProcessId}");
        try
        {
            Run("cc", "-Wall", "-Werror", "-o", program, Path.Combine(Repository.Root, "tests", "abi", "ptp.c"));
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
}
