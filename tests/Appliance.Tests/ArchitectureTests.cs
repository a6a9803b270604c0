using System.Reflection;
using Capbox.Capture;
using Xunit;

namespace Capbox.Tests;

/// <summary>The two lines of docs/internals/architecture.md: packets never know of control.</summary>
public sealed class ArchitectureTests
{
    private static readonly string[] s_packetLine = ["Capbox.Native", "Capbox.Capture", "Capbox.Pcapng", "Capbox.Storage", "Capbox.Extract", "Capbox.Archive"];
    private static readonly string[] s_controlLine = ["Capbox.Config", "Capbox.Cli", "Capbox.Control", "Capbox.Mqtt", "Capbox.Fleet", "Capbox.Timing"];

    [Fact]
    public void No_signature_or_local_of_the_packet_line_has_a_type_of_the_control_line() =>
        AssertNoUse(s_packetLine, s_controlLine);

    [Fact]
    public void Nic_uses_native_calls_and_nothing_else_of_the_packet_line() =>
        AssertNoUse(["Capbox.Nic"], ["Capbox.Capture", "Capbox.Pcapng", "Capbox.Storage", .. s_controlLine]);

    [Fact]
    public void Custody_knows_nothing_of_control_and_the_packet_line_nothing_of_custody()
    {
        AssertNoUse(["Capbox.Custody"], [.. s_controlLine, "Capbox.Capture"]);
        AssertNoUse(s_packetLine, ["Capbox.Custody"]);
    }

    [Fact]
    public void The_time_types_refer_to_no_other_assembly_of_ours()
    {
        AssemblyName[] references = typeof(Ptp.UtcTime).Assembly.GetReferencedAssemblies();
        Assert.DoesNotContain(references, r => r.Name == "capbox");
        Assert.All(references, r => Assert.StartsWith("System.", r.Name, StringComparison.Ordinal));
    }

    [Fact]
    public void Sources_of_the_packet_line_do_not_name_the_control_line()
    {
        string[] files =
        [
            .. s_packetLine.SelectMany(n => Directory.GetFiles(Path.Combine(Repository.Root, "src", "Appliance", n["Capbox.".Length..]), "*.cs")),
        ];
        Assert.True(files.Length > 10, "the folders of the packet line have moved");
        foreach (string file in files)
        {
            string text = File.ReadAllText(file);
            Assert.All(s_controlLine, name => Assert.False(text.Contains(name, StringComparison.Ordinal), $"{file} names {name}"));
        }
    }

    private static void AssertNoUse(string[] users, string[] forbidden)
    {
        const BindingFlags All = BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly;
        Type[] types = [.. typeof(RecorderOptions).Assembly.GetTypes().Where(t => users.Contains(t.Namespace))];
        Assert.NotEmpty(types);
        foreach (Type type in types)
        {
            IEnumerable<Type?> used =
            [
                type.BaseType, .. type.GetInterfaces(), .. type.GetFields(All).Select(f => f.FieldType),
                .. type.GetMethods(All).Cast<MethodBase>().Concat(type.GetConstructors(All)).SelectMany(TypesOf),
            ];
            Assert.All(used, u => Assert.False(u is not null && forbidden.Contains(u.Namespace), $"{type} uses {u}"));
        }
    }

    private static IEnumerable<Type> TypesOf(MethodBase method) =>
    [
        .. method.GetParameters().Select(p => p.ParameterType),
        .. method is MethodInfo info ? [info.ReturnType] : Type.EmptyTypes,
        .. method.GetMethodBody()?.LocalVariables.Select(v => v.LocalType) ?? [],
    ];
}
