

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('tickets', '0005_order_email_bytes'),
    ]

    operations = [
        migrations.CreateModel(
            name='EventRefund',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('subject', models.CharField(db_index=True, max_length=30)),
                ('event_id', models.BigIntegerField(blank=True, db_index=True, null=True, verbose_name='evento n.º')),
                ('event', models.CharField(max_length=200, verbose_name='evento')),
                ('status', models.CharField(choices=[('closing', 'espera el cierre de la venta'), ('running', 'en marcha'), ('paused', 'en pausa'), ('done', 'terminado')], db_index=True, max_length=10, verbose_name='estado')),
                ('reason', models.CharField(max_length=300, verbose_name='motivo')),
                ('by', models.CharField(max_length=120, verbose_name='quién')),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, verbose_name='pedido')),
                ('closed_at', models.DateTimeField(blank=True, null=True, verbose_name='venta cerrada')),
                ('finished_at', models.DateTimeField(blank=True, null=True, verbose_name='terminado')),
                ('live_subject', models.GeneratedField(db_persist=True, expression=models.Case(models.When(models.Q(('status__in', ['closing', 'running', 'paused'])), then=models.F('subject'))), null=True, output_field=models.CharField(max_length=30, null=True), unique=True)),
            ],
            options={
                'verbose_name': 'reembolso de un evento',
                'verbose_name_plural': 'reembolsos de eventos',
                'ordering': ['-created_at', '-id'],
                'permissions': [('refund_event', 'Puede reembolsar un evento entero')],
                'constraints': [models.CheckConstraint(condition=models.Q(('status__in', ['closing', 'running', 'paused', 'done'])), name='event_refund_status_known')],
            },
        ),
        migrations.CreateModel(
            name='OrderToEnd',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('status', models.CharField(choices=[('due', 'por hacer'), ('done', 'hecha'), ('look', 'por revisar')], default='due', max_length=5, verbose_name='estado')),
                ('next_try_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('refunded', models.PositiveIntegerField(default=0)),
                ('expired', models.PositiveIntegerField(default=0)),
                ('used', models.PositiveIntegerField(default=0)),
                ('money', models.DecimalField(decimal_places=0, default=0, max_digits=12, verbose_name='monto')),
                ('note', models.CharField(blank=True, max_length=200, verbose_name='nota')),
                ('order', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tickets.order', verbose_name='orden')),
                ('refund', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='orders', to='event_refunds.eventrefund')),
            ],
            options={
                'verbose_name': 'orden de un evento reembolsado',
                'verbose_name_plural': 'órdenes de eventos reembolsados',
                'ordering': ['id'],
                'indexes': [models.Index(fields=['refund', 'status', 'next_try_at'], name='event_refund_due')],
                'constraints': [models.UniqueConstraint(fields=('refund', 'order'), name='order_once_an_event_refund')],
            },
        ),
    ]
