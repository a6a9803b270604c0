// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Collections.Concurrent;
using System.Globalization;
using System.Reflection;
using System.Runtime.InteropServices;
using Capbox.Tests;
using Xunit.v3;

[assembly: CpuTime]

namespace Capbox.Tests;

/// <summary>
/// Writes the processor time of every test to the file that <c>CAPBOX_TEST_CPU</c> names: a line a test, "SECONDS NAME". Of a test that ran alone it is that of the whole process;
/// beside others that of its thread, which does not see what other threads did for it. <c>-parallel none</c> runs every test alone.
/// </summary>
[AttributeUsage(AttributeTargets.Assembly)]
internal sealed partial class CpuTimeAttribute : BeforeAfterTestAttribute
{
    private const int CLOCK_PROCESS_CPUTIME_ID = 2, CLOCK_THREAD_CPUTIME_ID = 3;
    private static readonly string? s_report = Environment.GetEnvironmentVariable("CAPBOX_TEST_CPU") is { Length: > 0 } path ? path : null;
    private static readonly ConcurrentDictionary<string, Start> s_running = new();
    private static readonly Lock s_gate = new();

    public override void Before(MethodInfo methodUnderTest, IXunitTest test)
    {
        if (s_report is null)
            return;
        s_running[test.UniqueID] = new Start();
        if (s_running.Count > 1)
        {
            foreach (Start other in s_running.Values)
                other.WasAlone = false;
        }
    }

    public override void After(MethodInfo methodUnderTest, IXunitTest test)
    {
        if (s_report is null || !s_running.TryRemove(test.UniqueID, out Start? start))
            return;
        double seconds = start.WasAlone ? Seconds(CLOCK_PROCESS_CPUTIME_ID) - start.ProcessSeconds
            // An awaited test may go on on another thread: what it used is not known then.
            : Environment.CurrentManagedThreadId == start.Thread ? Seconds(CLOCK_THREAD_CPUTIME_ID) - start.ThreadSeconds : 0;
        lock (s_gate)
            File.AppendAllText(s_report, string.Create(CultureInfo.InvariantCulture, $"{seconds:F3} {test.TestDisplayName.ReplaceLineEndings(" ")}\n"));
    }

    private static double Seconds(int clock) => clock_gettime(clock, out Timespec now) == 0 ? now.Seconds + (now.Nanoseconds / 1e9) : 0;

    [LibraryImport("libc")]
    private static partial int clock_gettime(int clock, out Timespec now);

    [StructLayout(LayoutKind.Sequential)]
    private struct Timespec
    {
        public long Seconds;
        public long Nanoseconds;
    }

    private sealed class Start
    {
        public int Thread { get; } = Environment.CurrentManagedThreadId;
        public double ThreadSeconds { get; } = Seconds(CLOCK_THREAD_CPUTIME_ID);
        public double ProcessSeconds { get; } = Seconds(CLOCK_PROCESS_CPUTIME_ID);
        public bool WasAlone { get; set; } = true;
    }
}
