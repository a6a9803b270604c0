// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Capbox.Platform.Linux;
using Xunit;

namespace Capbox.Tests;

/// <summary>Every struct and every number of the kernel, the C library, libpcap and capbox.ko that C# code mirrors, against the C headers of this machine.</summary>
public class AbiTests
{
    private const string Room = "Capbox.Platform.Linux";

    private static readonly Type[] s_all =
    [
        .. new[] { typeof(LibC).Assembly, typeof(Ptp.Port.PtpPort).Assembly, typeof(Packets.Capture.Recorder).Assembly, typeof(Cli.ExitCode).Assembly }
            .SelectMany(a => a.GetTypes()).Where(t => !t.IsDefined(typeof(CompilerGeneratedAttribute), inherit: false)),
    ];

    private static readonly AbiCheck s_check = new(s_all.Where(t => t.Namespace == Room || t.IsDefined(typeof(CHeadersAttribute)) || t.IsDefined(typeof(CStructAttribute))));

    [Fact]
    public void Every_struct_field_and_constant_has_an_origin_in_C() => Assert.Equal([], s_check.Unexplained);

    [Fact]
    public void Every_size_offset_and_number_is_the_headers()
    {
        long[] expected = s_check.Compile(Repository.Root);
        Assert.Equal(s_check.Numbers.Count, expected.Length);
        Assert.Equal([], s_check.Numbers.Zip(expected).Where(p => p.First.Value != p.Second).Select(p => $"{p.First.Mirror} is {p.First.Value}, the headers say {p.Second} ({p.First.Expression})"));
    }

    [Fact]
    public void No_struct_or_number_is_mirrored_twice() =>
        Assert.Equal([], s_check.Numbers.GroupBy(n => n.Expression).Where(g => g.Count() > 1).Select(g => $"{g.Key}: {string.Join(", ", g.Select(n => n.Mirror))}"));

    [Fact]
    public void A_wrong_mirror_is_found()
    {
        AbiCheck wrong = new([typeof(SwappedVector), typeof(WrongNumbers), typeof(WithoutOrigin)]);
        long[] expected = wrong.Compile(Repository.Root);
        string[] differing = [.. wrong.Numbers.Zip(expected).Where(p => p.First.Value != p.Second).Select(p => p.First.Mirror)];
        Assert.Equal(["SwappedVector.Bytes", "SwappedVector.Base", "WrongNumbers.EINTR"], differing);
        Assert.Equal(["struct WithoutOrigin", "constant WithoutOrigin.One"], wrong.Unexplained);
    }

    [Fact]
    public void Every_function_is_imported_once_and_in_the_room_of_Linux()
    {
        MethodInfo[] imports =
        [
            .. s_all.SelectMany(t => t.GetMethods(BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly))
                .Where(m => m.IsDefined(typeof(LibraryImportAttribute)) || m.IsDefined(typeof(DllImportAttribute))),
        ];
        // A call without a transition of the collector is a function of its own: it may not block, and sets no errno.
        string[] twice =
        [
            .. imports.Where(m => !m.IsDefined(typeof(SuppressGCTransitionAttribute))).GroupBy(m => m.GetCustomAttribute<LibraryImportAttribute>()?.EntryPoint ?? m.Name)
                .Where(g => g.Count() > 1).Select(g => g.Key),
        ];
        Assert.Contains(imports, m => m.Name == nameof(LibC.open));
        Assert.Equal([], twice);
        Assert.Equal([], imports.Where(m => m.DeclaringType!.Namespace != Room).Select(m => $"{m.DeclaringType}.{m.Name}"));
    }

#pragma warning disable CS0649 // Layouts are compared, nothing is stored.
    [CStruct("struct iovec", "sys/uio.h", Prefix = "iov_")]
    public struct SwappedVector
    {
        [CField("iov_len")] public ulong Bytes;
        public ulong Base;
    }

    [CHeaders("errno.h")]
    internal static class WrongNumbers
    {
        public const int EPERM = 1, EINTR = 5;
    }

    public struct WithoutOrigin
    {
        public const int One = 1;
        public int Value;
    }
#pragma warning restore CS0649
}
